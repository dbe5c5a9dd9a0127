"""An upload over the limit gets its answer, however much of it the client goes on to send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client import upload
from tests.support.server import Server, running


@pytest.fixture(scope="module", params=["eventlet", pytest.param("threading", marks=pytest.mark.system)])
def server(request) -> Iterator[Server]:
    with running(UPLOAD_MAX_BYTES="1000000", ASYNC_MODE=request.param) as server:
        yield server


@pytest.mark.parametrize("megabytes", [2, 40])
def test_too_large_an_upload_is_told_so(server, megabytes):
    status, answer = upload(server, b"x" * (megabytes * 1_000_000), "import-staging")
    assert (status, answer["error"]["code"]) == (413, "UPLOAD_TOO_LARGE")
    assert list((server.instance / "uploads").iterdir()) == []
