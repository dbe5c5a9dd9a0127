"""Damaged exports of every scanner: each is refused with a code or accounted for row by row; none hangs, crashes or seems complete.

``make faults`` does it in full. ``FUZZ_INPUTS`` and ``FUZZ_SEED`` set how many, and which.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.importer import read

ROOT = Path(__file__).resolve().parents[2]
INPUTS = int(os.environ.get("FUZZ_INPUTS", "15"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
#: Longer than this for one input is a hang, in seconds.
PATIENCE = 60.0
#: Of a larger file only the beginning is damaged, so that many can be tried.
MAX_BYTES = 60_000
PIECES = (
    b'"', b'""', b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"|", b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b"\xc3", b"'", b"\\", b'\\"', b"=1+1", b"NaN", b"-1", b"9" * 40, b"1e309", b"99/99/9999", b"CVE-2024-1", b"None", b" " * 300,
    "\u202e".encode(), "\u0130".encode(), b"\x1a", b"a" * 3000, b",,,,,,,,", b"\n\n\n\n",
)  # fmt: skip


def samples() -> list[bytes]:
    """Our own fixtures, and the real exports where they are present."""
    real = Path(os.environ.get("SCANS_DIR", ROOT.parent / "shared" / "scans"))
    paths = [*ROOT.glob("tests/data/*/*.csv"), *(real.glob("*/*.csv") if real.is_dir() else [])]
    return [path.read_bytes()[:MAX_BYTES] for path in sorted(paths)]


def damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Do a few of the things that happen to files."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 10, 100, 2000))
        piece = bytes(data[place : place + length])
        match rng.randrange(9):
            case 0 | 1:
                data[place:place] = rng.choice(PIECES)
            case 2:
                data[place : place + length] = b""
            case 3:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 4:
                data[place:place] = piece * rng.choice((1, 2, 20))
            case 5:
                del data[place:]
            case 6:
                target = rng.randrange(len(data) + 1)
                data[target:target] = piece
            case 7:
                other = rng.choice(others)
                cut = rng.randrange(len(other) + 1)
                data[place:place] = other[cut : cut + rng.choice((50, 500, 5000))]
            case 8:
                old, new = rng.choice(((b"\n", b"\r"), (b"\n", b"\r\n"), (b",", b";"), (b'"', b""), (b" ", b"\xa0")))
                data[:] = bytes(data).replace(old, new, rng.choice((1, 5, -1)))
    return bytes(data)


def test_no_damage_hangs_crashes_or_goes_unnoticed(tmp_path):
    known, rng, outcomes, slowest = samples(), random.Random(SEED), Counter(), 0.0
    for number in range(INPUTS):
        content = damaged(rng, rng.choice(known), known)
        (tmp_path / "last.csv").write_bytes(content)
        began = time.monotonic()
        try:
            outcome = read(content, tmp_path)  # asserts its own figures and codes
        except Exception as error:
            pytest.fail(f"input {number} of seed {SEED}, kept as {tmp_path / 'last.csv'}: {error!r}")
        slowest = max(slowest, time.monotonic() - began)
        assert slowest < PATIENCE, f"input {number} of seed {SEED} took {slowest:.1f} s"
        outcomes["refused" if outcome is None else "rejects" if outcome[0].rejected else "read"] += 1
    print(f"\n{INPUTS} damaged files, seed {SEED}, the slowest {slowest:.2f} s:", dict(outcomes))  # noqa: T201
