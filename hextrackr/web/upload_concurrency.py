"""How many uploads may be under way at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hextrackr.errors import TooMany


class UploadConcurrency:
    """Counts the uploads that are coming in; each holds a green thread, a connection and a file.

    :param total: of all clients.
    :param per_address: of one.
    """

    def __init__(self, total: int = 32, per_address: int = 16) -> None:
        self._total = total
        self._per_address = per_address
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, address: str) -> Iterator[None]:
        """Hold a slot.

        :raises TooMany: ``TOO_MANY_UPLOADS``, there is none left.
        """
        with self._lock:
            if self._taken.total() >= self._total or self._taken[address] >= self._per_address:
                raise TooMany("Too many uploads are under way; please try again in a moment.", "TOO_MANY_UPLOADS")
            self._taken[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[address] -= 1
                self._taken += Counter()  # drops what is zero


#: Those of this process, of imports and backups together.
UPLOADS = UploadConcurrency()
