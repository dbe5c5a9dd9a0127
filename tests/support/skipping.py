"""Skip tests if a program is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.services import MissingProgram


@contextmanager
def skipped_without_programs() -> Iterator[None]:
    """Skip the test if a program that it starts is not installed."""
    try:
        yield
    except MissingProgram as missing:
        pytest.skip(str(missing))
