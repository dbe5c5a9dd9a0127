"""Log lines: what a client sends ends none and begins none."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hextrackr.escaping import escape_control_characters, remove_invisible
from hextrackr.logs import JsonLines, OneLineRecord, about
from tests.support.client import upload
from tests.support.exports import scan
from tests.support.server import running

ROOT = Path(__file__).resolve().parents[1]

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
    assert escape_control_characters(text) == shown


def test_names_lose_what_is_not_shown():
    assert remove_invisible("a\u202eb\x00\x1b[1mc.csv") == "ab[1mc.csv"


@pytest.fixture
def lines(monkeypatch):
    """What a logger has written as JSON, each line read back."""
    monkeypatch.setattr(logging, "_logRecordFactory", OneLineRecord)
    stream = io.StringIO()
    logger, handler = logging.Logger("test"), logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    return logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_whatever_it_says(lines):
    logger, written = lines
    logger.warning("Refused %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("Failed")
    refused, failed = written()
    assert refused["message"].startswith("Refused name\\x0d\\x0a2026")
    assert (refused["level"], refused["logger"], refused["process"]) == ("WARNING", "test", os.getpid())
    assert "exception" not in refused
    assert "ValueError" in failed["exception"]


def test_a_line_says_which_import_it_is_about(lines):
    logger, written = lines
    with about(7, "s-7"):
        logger.warning("within")
        with about(8, "s-8"):
            logger.warning("deeper")
        logger.warning("within again")
    logger.warning("outside")
    subjects = [(line.get("importId"), line.get("sessionId")) for line in written()]
    assert subjects == [(7, "s-7"), (8, "s-8"), (7, "s-7"), (None, None)]


#: Two imports at once in threads of the mode's own kind, each of which gives way to the other between two lines.
BESIDE = """
{patch}
import logging, sys, threading, time
from logging.config import dictConfig
from hextrackr import logs
logs.set_up("json")
dictConfig(logs.as_json("INFO"))
def work(number):
    with logs.about(number, f"s-{{number}}"):
        for _ in range(5):
            logging.getLogger("work").info("%d", number)
            time.sleep(0.01)
threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize(
    "patch",
    ["", "import eventlet; eventlet.monkey_patch()"],
    ids=["threading", "eventlet"],
)
def test_imports_that_run_beside_each_other_are_told_apart_in_every_mode(patch):
    program = [sys.executable, "-W", "ignore", "-c", BESIDE.format(patch=patch)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(told) == 10
    assert [line["importId"] for line in told] != sorted(line["importId"] for line in told)
    assert all(
        line["message"] == str(line["importId"]) and line["sessionId"] == f"s-{line['message']}" for line in told
    )


def test_a_server_writes_nothing_but_objects_and_names_the_import(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stream, running(stream, LOG_FORMAT="json", LOG_LEVEL="INFO") as server:
        _, imported = upload(server, scan(range(3)))
        _, refused = upload(server, b"name,price,quantity\n1,2,3\n")
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("Listening at" in line["message"] for line in told)
    for answer in (imported, refused):
        about_it = [line for line in told if line.get("importId") == answer["importId"]]
        assert len({line["process"] for line in about_it}) == (1 if answer["success"] else 2)
        assert {line["sessionId"] for line in about_it} == {answer["sessionId"]}
        assert len(about_it) >= 2
