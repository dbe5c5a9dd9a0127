"""A Redis of its own for each test file, there at the start of each test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hextrackr.progress.session import Clock
from hextrackr.redis import Shared
from tests.support.services import RedisServer
from tests.support.skipping import skipped_without_programs
from tests.support.waiting import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with skipped_without_programs():
        server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


@pytest.fixture
def redis(server: RedisServer) -> RedisServer:
    if not server.answers():
        server.kill()
        server.start()
    server.client.flushall()
    return server


class RealClock:
    """Implements :class:`hextrackr.progress.session.Clock` with threads."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        threading.Timer(delay_ms / 1000, action).start()


def in_thread(target: Callable[..., None], *args: object) -> None:
    threading.Thread(target=target, args=args, daemon=True).start()


@pytest.fixture
def clock() -> Clock:
    return RealClock()


@pytest.fixture
def process(redis: RedisServer, clock: Clock) -> Iterator[Callable[[], Shared]]:
    """What one process has of the shared parts; each call is another process."""
    opened = []

    def process() -> Shared:
        shared = Shared.through(redis.url, clock, in_thread, time.sleep)
        opened.append(shared)
        return shared

    yield process
    for shared in opened:
        shared.publisher.stop()
        until(lambda shared=shared: not shared.publisher.running)
