"""Damaged files: cut at every byte, a byte put in at every place. Each is refused with a code, or nothing but the damaged row is lost.

At the level of the reader, so that thousands of files take seconds.
"""

from __future__ import annotations

import random
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from hextrackr.errors import HexTrackrError
from hextrackr.importing import formats, pace, pipeline
from hextrackr.importing.dialect import detect, rows
from hextrackr.importing.job import Job
from hextrackr.importing.meter import Meter
from hextrackr.importing.opening import Opened
from hextrackr.importing.outlook import Standing
from hextrackr.importing.reader import Counts

CODES = {"UNREADABLE_CSV", "UNKNOWN_FORMAT", "MISSING_COLUMNS"}
HEADER = "Risk,Host,Port,Protocol,Plugin ID,Name,Plugin Output\n"
ROWS = [
    "High,web1,443,tcp,1001,Old TLS,plain\n",
    'Low,web2,80,tcp,1002,"Banner, ""long""",\n',
    'None,10.0.0.3,0,udp,1003,Trace,"one\ntwo, three\nfour"\n',
    "Critical,web4,8443,tcp,1004,Log4j,Grüße\n",
    'Medium,web5,22,tcp,1005,"SSH","last"\n',
]
KEYS = [("web1", "1001"), ("web2", "1002"), ("10.0.0.3", "1003"), ("web4", "1004"), ("web5", "1005")]
CONTENT = (HEADER + "".join(ROWS)).encode()
#: For each byte of the file its row; -1 is the header.
OWNERS = [-1] * len(HEADER) + [number for number, row in enumerate(ROWS) for _ in row.encode()]


def read(content: bytes, folder: Path) -> tuple[Counts, set[tuple[str, str]]] | None:
    """What the pipeline would stage; None if it refuses, with a code."""
    upload = folder / "scan.csv"
    upload.write_bytes(content)
    job = Job(1, 0, "", str(upload), str(folder), "128MB", 50)
    meter = Meter(lambda reading: None, lambda: 0.0)
    meter.plan(pace.plan(len(content), 1))
    try:
        found = detect(content, complete=True, is_header=formats.is_header)
        recognised = formats.recognise(found.header)
        opened = Opened(
            len(content), found, recognised, rows(content, found), [], date(2026, 12, 31), 1, Standing(0, None, 0), None
        )
        with closing(pipeline._rows_read(job, opened, meter)) as reader:
            counts = reader.deduplicate()
            reader.read_definitions()
            joined = (
                "findings f JOIN assets a ON a.number = asset_number JOIN definitions d ON d.number = definition_number"
            )
            keys = set(
                next(
                    reader.batches(
                        f"(SELECT f.number, a.key AS host, d.key AS plugin FROM {joined})", ("host", "plugin"), 99
                    ),
                    [],
                )
            )
            assert counts.rows == counts.findings + counts.merged + counts.blank + counts.rejected
            assert all(row.line > 0 and row.reason for row in reader.rejected())
            reader.warnings()
            return counts, keys
    except HexTrackrError as refusal:
        assert refusal.code in CODES
        assert "\n" not in refusal.detail and refusal.detail.endswith(".")
        return None


def test_the_sound_file(tmp_path):
    counts, keys = read(CONTENT, tmp_path)
    assert (counts.rows, counts.findings, keys) == (5, 5, set(KEYS))


@pytest.mark.parametrize("start", range(0, 4))
def test_cut_at_every_byte(tmp_path, start):
    for cut in range(start, len(CONTENT), 4):
        whole = {KEYS[number] for number in range(5) if cut >= len((HEADER + "".join(ROWS[: number + 1])).encode())}
        outcome = read(CONTENT[:cut], tmp_path)
        if outcome is not None:
            counts, keys = outcome
            assert whole <= keys, cut
            assert counts.rows <= len(whole) + 1, cut


@pytest.mark.parametrize("seed", range(1))
def test_a_byte_put_in_at_every_place(tmp_path, seed):
    rng = random.Random(seed)
    for place in range(len(HEADER), len(CONTENT)):
        byte = rng.choice([b'"', b'"', b"\n", b",", b"\0", b"\xff", b"\r", b";", bytes([rng.randrange(256)])])
        outcome = read(CONTENT[:place] + byte + CONTENT[place:], tmp_path)
        if outcome is not None:
            # A byte between two rows belongs to the one before or to the one after.
            hit = {OWNERS[place], OWNERS[place - 1]}
            kept = {key for number, key in enumerate(KEYS) if number not in hit}
            assert kept <= outcome[1], (place, byte)


def test_a_byte_put_into_the_header(tmp_path):
    rng = random.Random(5)
    for place in range(len(HEADER)):
        byte = rng.choice([b'"', b"\n", b",", b"\0", b"\xff", b"x"])
        read(CONTENT[:place] + byte + CONTENT[place:], tmp_path)
