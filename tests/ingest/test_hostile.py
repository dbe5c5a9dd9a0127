"""Damaged files: cut anywhere, a byte put in anywhere. Each is refused with a code, or nothing but the damaged row is lost.

At the level of the reader, at each byte that ``FUZZ_STEP`` leads to; ``make faults`` tries every byte.
"""

from __future__ import annotations

import os
import random

from tests.support.importer import read

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
STEP = int(os.environ.get("FUZZ_STEP", "13"))
#: For each byte of the file its row; -1 is the header.
OWNERS = [-1] * len(HEADER) + [number for number, row in enumerate(ROWS) for _ in row.encode()]


def test_the_sound_file(tmp_path):
    counts, keys = read(CONTENT, tmp_path)
    assert (counts.rows, counts.findings, keys) == (5, 5, set(KEYS))


def test_a_file_that_is_cut(tmp_path):
    for cut in range(0, len(CONTENT), STEP):
        whole = {KEYS[number] for number in range(5) if cut >= len((HEADER + "".join(ROWS[: number + 1])).encode())}
        outcome = read(CONTENT[:cut], tmp_path)
        if outcome is not None:
            counts, keys = outcome
            assert whole <= keys, cut
            assert counts.rows <= len(whole) + 1, cut


def test_a_byte_put_in_among_the_rows(tmp_path):
    rng = random.Random(0)
    for place in range(len(HEADER), len(CONTENT), STEP):
        byte = rng.choice([b'"', b'"', b"\n", b",", b"\0", b"\xff", b"\r", b";", bytes([rng.randrange(256)])])
        outcome = read(CONTENT[:place] + byte + CONTENT[place:], tmp_path)
        if outcome is not None:
            # A byte between two rows belongs to the one before or to the one after.
            hit = {OWNERS[place], OWNERS[place - 1]}
            kept = {key for number, key in enumerate(KEYS) if number not in hit}
            assert kept <= outcome[1], (place, byte)


def test_a_byte_put_into_the_header(tmp_path):
    rng = random.Random(5)
    for place in range(0, len(HEADER), STEP):
        byte = rng.choice([b'"', b"\n", b",", b"\0", b"\xff", b"x"])
        read(CONTENT[:place] + byte + CONTENT[place:], tmp_path)
