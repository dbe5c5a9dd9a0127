"""Detect how a CSV file is written from its first bytes (encoding, delimiter, line of the header), and convert it for DuckDB. Pure.

DuckDB can read UTF-8 without a BOM, with one kind of line end.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from hextrackr.errors import FileRefused

#: Bytes of a file that are examined.
SAMPLE_BYTES = 256 * 1024
DELIMITERS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: A byte order mark in UTF-8 that was taken for text and written again in UTF-8.
_MISREAD_BOMS = ("\u00ef\u00bb\u00bf".encode(),)
_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"\x7fELF", "a program"),
)
#: The maximum number of lines above a header.
PREAMBLE_LINES = 50
#: Encodings of other scripts than the Latin one.
_SCRIPTS = ("shift_jis", "cp932", "euc_jp", "gb18030", "gbk", "gb2312", "big5", "euc_kr", "cp949",
            "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256")  # fmt: skip
#: A row: its delimiter, its cells, the number of its first line, that of the line after it, and how many rows are above it.
_Line = tuple[str, list[str], int, int, int]
_EXPORT_HINT = "export the scan as CSV and import that file"


@dataclass(frozen=True)
class Dialect:
    """How to read a file.

    :ivar encoding: a Python codec name; ``guessed`` if neither a BOM nor valid UTF-8 proves it. A file with guessed UTF-8 has some bytes
        that are not UTF-8.
    :ivar bom: bytes before the first character: of a byte order mark, or of several if the file was saved more than once.
    :ivar delimiter: one of :data:`DELIMITERS`.
    :ivar header: the column names as in the file.
    :ivar header_line: the number of the line on which the header starts, from 1.
    :ivar data_line: the number of the line after the header.
    :ivar rows_above: the number of rows above the header: fewer than lines if a cell has a line break.
    :ivar wrapped: each row as a whole is in quotes, with its own quotes doubled: a table of one column that contains the rows.
    """

    encoding: str
    guessed: bool
    bom: int
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    data_line: int
    wrapped: bool = False
    rows_above: int = 0


def detect(
    sample: bytes, *, complete: bool, is_header: Callable[[Sequence[str]], bool] = lambda cells: False
) -> Dialect:
    """Detect the dialect from the first :data:`SAMPLE_BYTES` of a file.

    :param complete: the sample is the whole file.
    :param is_header: whether cells are the header of a format; without one, the first line that looks like a header is used.
    :raises FileRefused: it is empty, not text, or not a table.
    """
    if not sample.strip(b"\0 \t\r\n"):
        raise FileRefused("The file is empty.")
    _refuse_other_kinds(sample)
    encoding, guessed, bom = _encoding(sample, complete)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample[bom:], final=complete)
    _refuse_markup(text)
    (delimiter, header, first, after, above), wrapped = _header(text, is_header)
    return Dialect(encoding, guessed, bom, delimiter, tuple(header), first, after, wrapped, above)


def preamble(sample: bytes, dialect: Dialect) -> list[list[str]]:
    """The cells of the lines above the header."""
    text = codecs.getincrementaldecoder(dialect.encoding)("replace").decode(sample[dialect.bom :])
    lines = itertools.islice(io.StringIO(text, newline=""), dialect.header_line - 1)
    try:
        return list(csv.reader(lines, delimiter=dialect.delimiter))
    except csv.Error:
        return []


def rows(sample: bytes, dialect: Dialect, *, limit: int = 200) -> list[list[str]]:
    """The first rows after the header in the sample; the last one may be incomplete."""
    text = codecs.getincrementaldecoder(dialect.encoding)("replace").decode(sample[dialect.bom :])
    lines = io.StringIO(text, newline="")
    for _ in range(dialect.data_line - 1):
        lines.readline()
    found: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=dialect.delimiter):
            found.append(unwrapped(row[0], dialect.delimiter) if dialect.wrapped and len(row) == 1 else row)
            if len(found) == limit:
                break
    except csv.Error:
        pass  # a single carriage return, or a NUL: the rows before it are enough
    return found


def _refuse_other_kinds(sample: bytes) -> None:
    for signature, kind in _SIGNATURES:
        if sample.startswith(signature):
            raise FileRefused(f"This is {kind}, not a CSV file: {_EXPORT_HINT}.")


def _refuse_markup(text: str) -> None:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        raise FileRefused("This is an HTML page, not a CSV file; perhaps the download was a login page.")
    if start.startswith("<"):
        raise FileRefused(f"This is an XML document, not a CSV file: {_EXPORT_HINT}.")
    if start.startswith(("{", "[")):
        raise FileRefused(f"This is JSON, not a CSV file: {_EXPORT_HINT}.")


def _encoding(sample: bytes, complete: bool) -> tuple[str, bool, int]:
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name, False, _length_of_boms(sample, bom)
    if b"\0" in sample[:2000] and (utf16 := _utf16_without_bom(sample)):
        return utf16, True, 0
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=complete)
        return "utf-8", False, 0
    except UnicodeDecodeError:
        return ("utf-8" if _is_mostly_utf8(sample) else _detected(sample)), True, 0


def _length_of_boms(sample: bytes, bom: bytes) -> int:
    """The length of all byte order marks at the beginning: a program that does not recognise a mark writes another one before it."""
    length = 0
    while mark := next((mark for mark in (bom, *_MISREAD_BOMS) if sample.startswith(mark, length)), b""):
        length += len(mark)
    return length


def _utf16_without_bom(sample: bytes) -> str:
    """Detect UTF-16 by text in Latin letters, of which every other byte is zero; empty if the zeros are only some damage.

    :raises FileRefused: many bytes are not text.
    """
    head = sample[:2000]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) >= len(head) // 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    if sum(byte < 32 and byte not in b"\t\n\r" for byte in head) * 20 > len(head):
        raise FileRefused("This is a binary file, not a CSV file.")
    return ""


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether most characters beyond ASCII are valid UTF-8."""
    invalid = sample.decode("utf-8", "replace").count("\ufffd")
    return len(sample.decode("utf-8", "ignore")) - sum(byte < 128 for byte in sample) > invalid


def _detected(sample: bytes) -> str:
    # Exports that are not UTF-8 come from Windows. A few accented letters fit every Western encoding: another script is assumed only if the
    # text reads well in it.
    best = from_bytes(sample[: 64 * 1024]).best()
    return best.encoding if best is not None and best.encoding in _SCRIPTS and best.coherence >= 0.3 else "cp1252"


def _header(text: str, is_header: Callable[[Sequence[str]], bool]) -> tuple[_Line, bool]:
    """Find the header: one that a format recognises, else the first line with enough columns, as lines of a preamble are short.

    :return: the header, and whether the rows are wrapped in quotes.
    """
    plain = [line for delimiter in DELIMITERS for line in _first_lines(text, delimiter)]
    inner = [line for delimiter in DELIMITERS for line in _first_wrapped_lines(text, delimiter)]
    for found, wrapped in ((plain, False), (inner, True)):
        if headers := [line for line in found if is_header(line[1])]:
            return max(headers, key=_width), wrapped
    found = plain or inner
    if not found:
        raise FileRefused("The file has no header line with several columns, so it is not a CSV export.")
    widest = max(found, key=_width)
    return next(line for line in found if line[0] == widest[0] and 2 * _width(line) >= _width(widest)), not plain


def _width(line: _Line) -> int:
    return len(line[1])


def _first_lines(text: str, delimiter: str) -> list[_Line]:
    """The first lines with three columns or more."""
    return [
        (delimiter, row, line, after, above)
        for above, (row, line, after) in enumerate(_first_rows(text, delimiter))
        if sum(1 for cell in row if cell.strip()) >= 3
    ]


def _first_wrapped_lines(text: str, delimiter: str) -> list[_Line]:
    """Of the first lines those that are one cell which holds three or more, put in quotes as a whole."""
    rows_of_one = (
        (row[0], line, after, above)
        for above, (row, line, after) in enumerate(_first_rows(text, delimiter))
        if len(row) == 1
    )
    inner = (
        (delimiter, unwrapped(cell, delimiter), line, after, above)
        for cell, line, after, above in rows_of_one
        if '"' in cell or delimiter in cell
    )
    return [found for found in inner if sum(1 for cell in found[1] if cell.strip()) >= 3]


def unwrapped(cell: str, delimiter: str) -> list[str]:
    """The cells of a row that is itself a cell."""
    return next(csv.reader(io.StringIO(cell, newline=""), delimiter=delimiter), [])


def _first_rows(text: str, delimiter: str) -> Iterator[tuple[list[str], int, int]]:
    """The first rows, with the number of their line and of the line after them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            yield row, line, reader.line_num + 1
            line = reader.line_num + 1
            if line > PREAMBLE_LINES:
                return
    except csv.Error:
        pass


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
