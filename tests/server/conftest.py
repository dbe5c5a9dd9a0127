"""What the servers under test need beside themselves; where it is not installed the tests say so and are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.services import RedisServer
from tests.support.skipping import skipped_without_programs


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test file's own."""
    with skipped_without_programs():
        redis = RedisServer(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.close()
