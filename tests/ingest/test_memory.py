"""A file that is larger than the memory it may take."""

from __future__ import annotations

import io

import pytest

from tests.support.generator import Estate, write

pytestmark = pytest.mark.system


def test_a_file_larger_than_the_memory_limit(run_import, figures):
    stream = io.StringIO(newline="")
    write(stream, Estate(180_000))
    content = stream.getvalue().encode()
    assert len(content) > 1.1 * 128 * 1024 * 1024
    assert figures(run_import(content)) == {"inserted": 180_000}
