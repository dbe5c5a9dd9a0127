"""What the servers under test need beside themselves; where it is not installed the tests say so and are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.services import MissingProgram, RedisServer


@contextmanager
def needed() -> Iterator[None]:
    """Skip the test for want of a program."""
    try:
        yield
    except MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test file's own."""
    with needed():
        redis = RedisServer(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.close()
