"""Makes of any text file one that DuckDB reads: UTF-8, no BOM, one kind of line end."""

from __future__ import annotations

import codecs
from pathlib import Path

from .dialect import Dialect

CHUNK_BYTES = 1024 * 1024


def write_copy(source: Path, target: Path, dialect: Dialect) -> int:
    """Write ``source`` as UTF-8 with ``\\n`` at the end of every line; what is not text in its encoding becomes U+FFFD.

    :return: the size of the copy in bytes.
    """
    decoder = codecs.getincrementaldecoder(dialect.encoding)("replace")
    carried = ""
    with source.open("rb") as reader, target.open("w", encoding="utf-8", errors="replace", newline="") as writer:
        reader.seek(dialect.bom)
        while chunk := reader.read(CHUNK_BYTES):
            text = carried + decoder.decode(chunk)
            carried = "\r" if text.endswith("\r") else ""  # its "\n" may come with the next chunk
            writer.write(_unified(text[: len(text) - len(carried)]))
        writer.write(_unified(carried + decoder.decode(b"", final=True)))
    return target.stat().st_size


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
