"""The dialect of a CSV file, told from its first bytes: encoding, delimiter, where the header stands. Pure."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass

from charset_normalizer import from_bytes

from hextrackr.errors import FileRefused

#: How much of a file is looked at, in bytes.
SAMPLE_BYTES = 256 * 1024
DELIMITERS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
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
#: Encodings of other scripts than the Latin one.
_SCRIPTS = ("shift_jis", "cp932", "euc_jp", "gb18030", "gbk", "gb2312", "big5", "euc_kr", "cp949",
            "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256")  # fmt: skip
_EXPORT_HINT = "export the scan as CSV and import that file"


@dataclass(frozen=True)
class Dialect:
    """How to read a file.

    :ivar encoding: a Python codec name; ``guessed`` if no BOM and no valid UTF-8 proved it.
    :ivar bom: bytes before the first character.
    :ivar delimiter: one of :data:`DELIMITERS`.
    :ivar header: the column names as they stand in the file.
    :ivar header_line: the number of the line on which the header starts, from 1.
    :ivar data_line: the number of the line after the header.
    """

    encoding: str
    guessed: bool
    bom: int
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    data_line: int


def detect(sample: bytes, *, complete: bool) -> Dialect:
    """Tell the dialect from the first :data:`SAMPLE_BYTES` of a file.

    :param complete: the sample is the whole file.
    :raises FileRefused: it is empty, no text, or text that is no table.
    """
    if not sample.strip(b"\0 \t\r\n"):
        raise FileRefused("The file is empty.")
    _refuse_other_kinds(sample)
    encoding, guessed, bom = _encoding(sample, complete)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample[bom:], final=complete)
    _refuse_markup(text)
    delimiter, header, first, after = _header(text)
    return Dialect(encoding, guessed, bom, delimiter, tuple(header), first, after)


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
            return name, False, len(bom)
    if b"\0" in sample[:2000]:
        return _utf16_without_bom(sample), True, 0
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=complete)
        return "utf-8", False, 0
    except UnicodeDecodeError:
        return _detected(sample), True, 0


def _utf16_without_bom(sample: bytes) -> str:
    even, odd = sample[:2000:2].count(0), sample[1:2000:2].count(0)
    if max(even, odd) < len(sample[:2000]) // 4:
        raise FileRefused("This is a binary file, not a CSV file.")
    return "utf-16-le" if odd > even else "utf-16-be"


def _detected(sample: bytes) -> str:
    # Exports that are not UTF-8 come from Windows. A few accented letters look like any Western encoding: only a text that
    # reads well in another script's counts as that.
    best = from_bytes(sample[: 64 * 1024]).best()
    return best.encoding if best is not None and best.encoding in _SCRIPTS and best.coherence >= 0.3 else "cp1252"


def _header(text: str) -> tuple[str, list[str], int, int]:
    """Find the first line that has several columns: preambles are prose of one or two cells."""
    candidates = [_first_table_line(text, delimiter) for delimiter in DELIMITERS]
    found = [candidate for candidate in candidates if candidate is not None]
    if not found:
        raise FileRefused("The file has no header line with several columns, so it is no CSV export.")
    return max(found, key=lambda candidate: len(candidate[1]))


def _first_table_line(text: str, delimiter: str) -> tuple[str, list[str], int, int] | None:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            if sum(1 for cell in row if cell.strip()) >= 3:
                return delimiter, row, line, reader.line_num + 1
            line = reader.line_num + 1
            if line > 50:
                break
    except csv.Error:
        pass
    return None
