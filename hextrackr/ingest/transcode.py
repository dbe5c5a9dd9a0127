"""Convert any text file to one that DuckDB can read: UTF-8, without a BOM, with one kind of line end."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path

from .dialect import Dialect

CHUNK_BYTES = 1024 * 1024

_BACKSLASHED = re.compile(r'\\([\\"])')


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as cp1252, the encoding of Windows: some files are combined from several programs."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("hextrackr.cp1252", _as_cp1252)


def write_copy(source: Path, target: Path, dialect: Dialect, *, backslash_quotes: bool = False) -> int:
    """Write ``source`` as UTF-8 with ``\\n`` at the end of every line; bytes that are invalid in its encoding become U+FFFD.

    Rows that are wrapped in quotes are unwrapped; every row stays on its line.

    :param backslash_quotes: quotes in cells are written ``\\"``; the copy doubles them instead.
    :return: the size of the copy in bytes.
    """
    errors = "hextrackr.cp1252" if dialect.encoding == "utf-8" else "replace"
    if dialect.wrapped:
        _write_unwrapped(source, target, dialect, errors)
        return target.stat().st_size
    decoder = codecs.getincrementaldecoder(dialect.encoding)(errors)
    unified = _doubled if backslash_quotes else _unified
    carried = ""
    with source.open("rb") as reader, target.open("w", encoding="utf-8", errors="replace", newline="") as writer:
        reader.seek(dialect.bom)
        while chunk := reader.read(CHUNK_BYTES):
            text = carried + decoder.decode(chunk)
            carried = (
                text[-1:] if text.endswith(("\r", "\\")) else ""
            )  # it may belong together with the beginning of the next chunk
            writer.write(unified(text[: len(text) - len(carried)]))
        writer.write(unified(carried + decoder.decode(b"", final=True)))
    return target.stat().st_size


def _write_unwrapped(source: Path, target: Path, dialect: Dialect, errors: str) -> None:
    """Write the unwrapped rows; lines of a preamble, which are not wrapped, stay as they are."""
    with (
        source.open(encoding=dialect.encoding, errors=errors) as lines,
        target.open("w", encoding="utf-8", errors="replace", newline="") as writer,
    ):
        rows = csv.writer(writer, delimiter=dialect.delimiter, lineterminator="\n")
        for row in csv.reader(lines, delimiter=dialect.delimiter):
            if len(row) == 1:
                writer.write(row[0] + "\n")
            else:
                rows.writerow(row)


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _doubled(text: str) -> str:
    return _BACKSLASHED.sub(lambda match: '""' if match[1] == '"' else "\\", _unified(text))
