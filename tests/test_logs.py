"""Log lines: what a client sends ends none and begins none."""

from __future__ import annotations

import io
import logging

import pytest

from hextrackr.legible import legible, without_unshown
from hextrackr.logs import OneLineRecord

HOSTILE = "name\r\n2026-08-01 INFO all is well\x1b[2J\x1b]0;title\x07\u202egnp.exe\u2028\x85"


@pytest.fixture
def log():
    """A logger with the plain handler that libraries bring themselves."""
    stream = io.StringIO()
    logger, handler = logging.Logger("test"), logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.makeRecord = lambda *args, **options: OneLineRecord(*args[:2], *args[2:7], *args[7:8])
    return logger, stream


def test_a_message_stays_one_line(log):
    logger, stream = log
    logger.warning("Refused %s", HOSTILE)
    assert stream.getvalue().count("\n") == 1
    assert "Refused name\\x0d\\x0a2026" in stream.getvalue()
    assert stream.getvalue().rstrip("\n").isprintable()


def test_the_lines_of_a_traceback_are_marked(log):
    logger, stream = log
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        logger.error("Failed", exc_info=(type(error), error, error.__traceback__))
    first, *others = stream.getvalue().rstrip("\n").split("\n")
    assert first == "Failed"
    assert others and all(line.startswith("  | ") for line in others)
    assert all(line.isprintable() for line in others)


def test_the_server_writes_such_records(app):
    assert logging.getLogRecordFactory() is OneLineRecord


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 😀", "plain é 漢字 😀"),
        ("a\tb", "a\\x09b"),
        ("\x00", "\\x00"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_legible(text, shown):
    assert legible(text) == shown


def test_names_lose_what_is_not_shown():
    assert without_unshown("a\u202eb\x00\x1b[1mc.csv") == "ab[1mc.csv"
