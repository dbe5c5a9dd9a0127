"""Large exports with one damage each, against a plain reader: every row is accounted for, or the file is refused; memory is bounded.

``DAMAGED_FILES`` sets how many, ``DAMAGED_SEED`` which, ``DAMAGED_MB`` how large they are at most.
"""

from __future__ import annotations

import csv
import io
import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from config import Config
from hextrackr.errors import FileRefused
from hextrackr.ingest import formats, pipeline
from hextrackr.ingest.attempt import Job
from hextrackr.ingest.dialect import SAMPLE_BYTES, detect, rows
from hextrackr.ingest.estimate import SourceState
from hextrackr.ingest.identify import Opened
from hextrackr.progress.estimate import Meter

SEED = int(os.environ.get("DAMAGED_SEED", "1"))
MAX_MB = float(os.environ.get("DAMAGED_MB", "1"))
#: Room for what the tests themselves hold beside the importer's own.
TESTS_BYTES = 1_500_000_000

HEADER = ["Risk", "Host", "Port", "Protocol", "Plugin ID", "CVE", "Name", "Description", "Plugin Output"]
SEVERITIES = {"Critical", "High", "Medium", "Low", "None"}
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Export:
    """An export, its rows as bytes, and what is found in it."""

    head: bytes
    rows: list[bytes]
    newline: bytes
    keys: set[Key]

    def __bytes__(self) -> bytes:
        return self.head + b"".join(self.rows)


def export(rng: random.Random, size: int) -> Export:
    """An export of about ``size`` bytes as one of many programs would write it."""
    newline = rng.choice(("\n", "\n", "\r\n"))
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    plain = quoting == csv.QUOTE_MINIMAL and rng.random() < 0.5
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting, lineterminator=newline)

    def written(cells: list[str]) -> bytes:
        stream.seek(0)
        stream.truncate()
        writer.writerow(cells)
        return stream.getvalue().encode()

    lines, keys, length, number = [], set(), 0, 0
    while length < size:
        words = " ".join(rng.choices(("remote", "host", "überholt", "version", "package"), k=rng.randrange(3, 60)))
        text = words if plain else rng.choice((words, f"{words}\n{words}", f'see "{words}", please', ""))
        plugin = str(1000 + number % 499)
        cells = [rng.choice(sorted(SEVERITIES)), f"web{number // 499}", "443", "tcp", plugin,
                 "" if plain else "CVE-2024-0001", f"Title of {plugin}", text, rng.choice(("", words))]  # fmt: skip
        lines.append(written(cells))
        length += len(lines[-1])
        keys.add((cells[1], cells[2], plugin))
        number += 1
    return Export(written(HEADER), lines, newline.encode(), keys)


def a_quote_added(rng: random.Random, line: bytes) -> bytes:
    at = rng.randrange(len(line))
    return line[:at] + b'"' + line[at:]


def a_quote_added_where_a_cell_begins(rng: random.Random, line: bytes) -> bytes:
    at = rng.choice([0, *(number + 1 for number, byte in enumerate(line) if byte == ord(","))])
    return line[:at] + b'"' + line[at:]


def a_quote_removed(rng: random.Random, line: bytes) -> bytes:
    places = [number for number, byte in enumerate(line) if byte == ord('"')]
    at = rng.choice(places or [len(line)])
    return line[:at] + line[at + 1 :]


def part_lost(rng: random.Random, line: bytes) -> bytes:
    at = rng.randrange(len(line))
    return line[:at] + line[min(len(line), at + rng.randrange(1, 40)) :]


def cells_swapped(rng: random.Random, line: bytes) -> bytes:
    text = line.rstrip(b"\r\n")
    cells = text.split(b",")
    one, other = rng.randrange(len(cells)), rng.randrange(len(cells))
    cells[one], cells[other] = cells[other], cells[one]
    return b",".join(cells) + line[len(text) :]


#: What happens to one line.
TO_A_LINE = {
    "a quote added": a_quote_added,
    "a quote added where a cell begins": a_quote_added_where_a_cell_begins,
    "a quote removed": a_quote_removed,
    "part of a line lost": part_lost,
    "cells swapped": cells_swapped,
    "encodings mixed": lambda rng, line: line.decode().encode("cp1252"),
    "a line doubled": lambda rng, line: line * 2,
    "a line lost": lambda rng, line: b"",
}
KINDS = (*TO_A_LINE, "a quote added to the header", "two quotes added", "cut", "many short lines", "a footer")
#: One of each kind.
FILES = int(os.environ.get("DAMAGED_FILES", len(KINDS)))
#: Nothing is wrong with these; or all of it can be told.
READ = {"encodings mixed", "a line doubled", "a line lost", "many short lines", "a footer"}


def damaged(rng: random.Random, found: Export, kind: str) -> bytes:
    """The bytes of an export with one damage."""
    lines = list(found.rows)
    place = rng.randrange(len(lines))
    if kind == "a quote added to the header":
        return a_quote_added_where_a_cell_begins(rng, found.head) + b"".join(lines)
    if kind == "cut":
        return bytes(found)[: rng.randrange(len(found.head) + len(lines[0]), len(bytes(found)))]
    if kind == "many short lines":
        lines[place:place] = [b"a,b" + found.newline] * 20_000
    elif kind == "a footer":
        lines.append(found.newline + b"Total: 12" + found.newline)
    elif kind == "two quotes added":
        for other in (place, rng.randrange(len(lines))):
            lines[other] = a_quote_added(rng, lines[other])
    else:
        lines[place] = TO_A_LINE[kind](rng, lines[place])
    return found.head + b"".join(lines)


def plainly(content: bytes) -> tuple[int, set[Key]]:
    """How many rows the plain reader finds, and the findings in those that have as many cells as the header."""
    reader = csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline=""))
    records = [row for row in reader if row][1:]
    whole = [row for row in records if len(row) == len(HEADER)]
    return len(records), {(row[1].lower(), row[2], row[4]) for row in whole if row[0] in SEVERITIES}


def read(path: Path, spill: Path) -> tuple[int, int, int, set[Key]]:
    """What an import would stage: rows, rejects, lines of a footer, findings.

    :raises FileRefused: it would not be imported.
    """
    with path.open("rb") as stream:
        sample = stream.read(SAMPLE_BYTES)
    size = path.stat().st_size
    meter = Meter(lambda reading: None, lambda: 0.0)
    found = detect(sample, complete=len(sample) == size, is_header=formats.is_header)
    opened = Opened(
        size,
        found,
        formats.recognise(found.header),
        rows(sample, found),
        [],
        date(2026, 12, 31),
        1,
        SourceState(0, None),
        None,
    )
    with closing(pipeline.rows_read(Job(1, 0, "", str(path), str(spill), "256MB", 50), opened, meter)) as reader:
        counts = reader.deduplicate()
        reader.read_definitions()
        assert counts.rows == counts.findings + counts.merged + counts.blank + counts.rejected
        assert counts.rejected == len(reader.rejected()) or len(reader.rejected()) == 10_000
        footer = any("footer" in warning for warning in reader.warnings())
        joined = """(SELECT f.number, a.key AS host, CAST(port AS VARCHAR) AS port, d.key AS plugin FROM findings f
                     JOIN assets a ON a.number = asset_number JOIN definitions d ON d.number = definition_number)"""
        batches = reader.batches(joined, ("host", "port", "plugin"), 10_000)
        return counts.rows, counts.rejected, int(footer), {key for batch in batches for key in batch}


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Bound the address space of this process."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def judge(kind: str, found: Export, content: bytes, outcome: tuple[int, int, int, set[Key]]) -> None:
    """Compare what was read with the plain reader; a refusal needs no judge."""
    count, rejected, footer, keys = outcome
    plain_count, plain_keys = plainly(content)
    assert count + footer == plain_count
    # What the plain reader finds as well as the undamaged file has it is found, or its row is among the rejects.
    assert len((plain_keys & found.keys) - keys) <= rejected
    gone, made_up = found.keys - keys, keys - found.keys
    match kind:
        case "cut":  # at the end of a row, or in its last cell, nobody can tell
            assert not rejected
            last = content[content.rfind(found.newline, 0, len(content) - 1) :]
            assert content.endswith(found.newline) or last.count(b",") >= 1
        case "a line lost":
            assert len(gone) <= 1
            assert not rejected and not made_up
        case "a line doubled" | "encodings mixed" | "a footer" | "many short lines":
            assert not gone and not made_up
            assert rejected == (20_000 if kind == "many short lines" else 0)
        case "cells swapped" | "part of a line lost":  # the row may say something else, as it does to the plain reader
            # What has lost its end takes the next row with it.
            assert len(gone) <= 1 + rejected
            assert made_up <= plain_keys
        case _:
            assert len(gone) <= rejected
            assert not made_up or rejected


def test_every_row_of_a_damaged_file_is_accounted_for(tmp_path):
    rng, outcomes = random.Random(SEED), Counter()
    path, spill = tmp_path / "scan.csv", tmp_path / "spill"
    spill.mkdir()
    with limited(Config().importer_memory + TESTS_BYTES):
        for number in range(FILES):
            kind = KINDS[number % len(KINDS)]
            size = int(1024**2 * rng.choice((0.2, 0.5, 1)) * rng.uniform(0.1, 1) * MAX_MB)
            found = export(rng, size)
            content = damaged(rng, found, kind)
            path.write_bytes(content)
            try:
                outcome = read(path, spill)
            except FileRefused:
                outcomes[f"{kind}: refused"] += 1
                assert kind not in READ
                continue
            outcomes[f"{kind}: read"] += 1
            try:
                judge(kind, found, content, outcome)
            except AssertionError as error:
                raise AssertionError(f"file {number} of seed {SEED}, {kind}, kept as {path}") from error
    print(f"\n{FILES} damaged files, seed {SEED}:", dict(sorted(outcomes.items())))  # noqa: T201
