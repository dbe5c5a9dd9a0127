"""Limit the number of simultaneous uploads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hextrackr.errors import TooMany


class UploadConcurrency:
    """Limits the uploads in progress, as each needs a green thread, a connection and a file.

    :param total: the limit for all clients.
    :param per_address: the limit for one address.
    """

    def __init__(self, total: int = 32, per_address: int = 16) -> None:
        self._total = total
        self._per_address = per_address
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, address: str) -> Iterator[None]:
        """Reserve one of the slots.

        :raises TooMany: ``TOO_MANY_UPLOADS``: all slots are taken.
        """
        with self._lock:
            if self._taken.total() >= self._total or self._taken[address] >= self._per_address:
                raise TooMany("Too many uploads are in progress; please try again in a moment.", "TOO_MANY_UPLOADS")
            self._taken[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[address] -= 1
                self._taken += Counter()  # removes zero counts


#: The uploads of this process, of imports and backups together.
UPLOADS = UploadConcurrency()
