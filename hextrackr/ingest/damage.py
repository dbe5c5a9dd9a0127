"""Check the rows of a file independently of DuckDB, and remove those that are damaged.

DuckDB reads a file in parallel blocks and has to guess where rows begin; a stray quote misleads it, and it stores rejected rows in memory
without a limit. So DuckDB stops at the first row that is not valid CSV, and the rows that it has read are counted here independently
(:func:`count`). A file that fails either check is read here from its first row to its last, without the damaged rows (:func:`separate`).
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hextrackr.errors import FileRefused

from . import csv_database, row_errors
from .csv_database import BUFFER_BYTES, IrregularCsv, NotUtf8
from .dialect import Dialect
from .formats.format import HOST_FIELDS, Recognised
from .row_errors import MAX_REJECTS, Malformed

CHUNK_BYTES = 1024 * 1024
#: Bytes of a malformed row that are stored.
TEXT_BYTES = 4000
#: The fields that identify the finding of a row, and its state.
_NAMING = (
    *(name for name in HOST_FIELDS if name != "os"),
    "plugin_id",
    "cves",
    "port",
    "protocol",
    "severity",
    "state",
)
#: Number of rows whose first cells are examined.
LOOKED_AT = 200
#: Characters at the end of a file that are not text.
_NO_TEXT = " \t\x1a\0\ufeff"
#: The maximum number of lines of a footer.
FOOTER_LINES = 1000


@dataclass
class Separated:
    """The result of :func:`separate`.

    :ivar rows: the number of rows that are valid CSV.
    :ivar count: the number of malformed rows, without the lines of a footer; ``malformed`` has the first ones.
    :ivar footer: the lines at the end of the file that are not rows.
    """

    rows: int = 0
    count: int = 0
    malformed: list[Malformed] = field(default_factory=list)
    footer: list[Malformed] = field(default_factory=list)


def count(path: Path, dialect: Dialect, *, empty_lines: bool, stopped: Callable[[], bool] = lambda: False) -> int:
    """Count the rows of a file: its line ends outside quotes.

    This is correct for a file of valid CSV, except for stray quotes in unquoted cells.

    :param path: the file, in UTF-8.
    :param empty_lines: there may be empty lines, which do not count; checking for them takes longer.
    :param stopped: called now and then; if it returns True, the result is no longer needed.
    :raises NotUtf8: some bytes are not UTF-8.
    :raises IrregularCsv: a quote is still open at the end of the file.
    """
    decode = codecs.getincrementaldecoder("utf-8")("strict").decode
    rows, is_open, before = 0, 0, b""
    with path.open("rb") as stream:
        _skip_header(stream, dialect)
        while chunk := stream.read(CHUNK_BYTES):
            if stopped():
                return 0
            csv_database.leave_out(len(chunk))
            _check_utf8(decode, chunk)
            outside = chunk
            if is_open or b'"' in chunk:
                pieces = chunk.split(b'"')
                outside = b"\0".join(pieces[is_open::2])
                is_open ^= (len(pieces) - 1) & 1
            if empty_lines:
                *lines, before = (before + outside).split(b"\n")
                rows += sum(1 for line in lines if line not in (b"", b"\r"))
            else:
                rows += outside.count(b"\n")
                before = b"" if chunk.endswith(b"\n") else b"x"
    _check_utf8(decode, b"", final=True)
    if is_open:
        raise IrregularCsv
    return rows + (before not in (b"", b"\r"))


def check_header(dialect: Dialect) -> None:
    """Check that no column name contains rows: a stray quote there swallows the first rows, up to the next quote.

    :raises FileRefused: one does.
    """
    lines = [line for name in dialect.header for line in name.splitlines()[1:]]
    if any(line.count(dialect.delimiter) >= 2 for line in lines):
        raise FileRefused(row_errors.unbalanced(dialect.header_line))


def separate(source: Path, target: Path, dialect: Dialect, recognised: Recognised) -> Separated:
    """Write the rows that are valid CSV to ``target``, with an empty line for each line that is not.

    :param source: the file, in UTF-8, with ``\\n`` at the end of every line.
    :raises FileRefused: a quote is never closed; the last row is incomplete; or a malformed row has swallowed others.
    """
    row_errors.refuse_overlong_lines(source)
    with source.open("rb") as reader, target.open("wb") as writer:
        return _Separation(source, reader, writer, dialect, recognised).run()


class _Grammar:
    """Regular expressions for the rows of one file, as strict as DuckDB. None of them backtracks."""

    def __init__(self, delimiter: str, width: int) -> None:
        mark = re.escape(delimiter.encode())
        body = rb' ?"(?:[^"]++|"")*+'
        cell = rb'(?:%s" *+(?=[%s\n])|(?! ?")[^%s\n]*+)' % (body, mark, mark)
        plain = rb'[^"%s\n]*+' % mark
        #: A row with as many cells as the header; empty ones may follow.
        self.row = re.compile(rb'(?:%s%s){%d}%s(?:%s(?:"")?)*+\n' % (cell, mark, width - 1, cell, mark))
        #: A row with any number of cells.
        self.record = re.compile(rb"(?:%s%s)*+%s\n" % (cell, mark, cell))
        #: Lines with too few cells, without any quote.
        self.short = re.compile(rb"(?:(?:%s%s){0,%d}%s\n)++" % (plain, mark, width - 2, plain))
        #: The cells before one that is malformed; and that one, without the quote that should close it.
        self.before = re.compile(rb"(?:%s%s)*+" % (cell, mark))
        self.body = re.compile(body)
        self.cell = re.compile(rb"%s(?:%s|\n)" % (cell, mark))
        #: The text after a closing quote at the end of the buffer.
        self.undecided = re.compile(rb'"? *+\Z')


class _Separation:
    """The state of :func:`separate`, which reads a file in chunks."""

    def __init__(
        self, path: Path, reader: BinaryIO, writer: BinaryIO, dialect: Dialect, recognised: Recognised
    ) -> None:
        self._path, self._reader, self._writer = path, reader, writer
        self._dialect, self._recognised = dialect, recognised
        self._width = len(dialect.header)
        self._keys = {place for name in _NAMING for place in recognised.places[name]}
        self._grammar = _Grammar(dialect.delimiter, self._width)
        self._found = Separated()
        self._last: deque[Malformed] = deque(maxlen=FOOTER_LINES)
        self._last_end = 0  # the end of the last of them in the file
        self._begins_in_prose = False
        self._buffer, self._at_end, self._is_cut = b"", False, False
        self._offset = 0  # of the buffer in the file
        self._line, self._counted = (
            dialect.data_line,
            0,
        )  # the line number at the place in the buffer up to which lines are counted

    def run(self) -> Separated:
        """Read the whole file and return the result."""
        self._writer.write(_skip_header(self._reader, self._dialect))
        self._offset = self._reader.tell()
        place = written = 0
        while True:
            row = self._grammar.row.match(self._buffer, place)
            if row is not None and row.end() - place <= BUFFER_BYTES and not self._is_misnamed(place, row.end()):
                self._found.rows += 1
                if self._found.rows <= LOOKED_AT:
                    first = self._grammar.cell.match(self._buffer, place)
                    self._begins_in_prose |= first is not None and row_errors.is_prose(
                        first[0][:-1].decode(errors="replace").strip('"')
                    )
                place = row.end()
                continue
            if place < len(self._buffer) and self._buffer[place] == 10:
                place += 1
                continue
            end = self._malformed(place)
            self._writer.write(self._buffer[written:place])
            if end is not None:
                self._writer.write(b"\n" * self._buffer.count(b"\n", place, end))
                place = written = end
            elif self._at_end:
                break
            else:
                self._read_more(place)
                place = written = 0
        return self._finished()

    def _read_more(self, place: int) -> None:
        """Drop the buffer before a place, and read another chunk, at least as long as the rest."""
        self._line_at(place)
        rest = self._buffer[place:]
        if len(rest) > row_errors.LONGEST_LINE_BYTES:
            raise FileRefused(row_errors.unbalanced(self._line))
        more = self._reader.read(max(CHUNK_BYTES, len(rest)))
        self._offset += place
        self._counted = 0
        self._buffer = rest + more
        if not more:
            self._at_end = True
            self._is_cut = bool(rest)
            self._buffer += b"\n" if rest else b""

    def _malformed(self, place: int) -> int | None:
        """Store the malformed row at a place, and return its end; None if that is not in the buffer."""
        grammar, buffer = self._grammar, self._buffer
        if short := grammar.short.match(buffer, place):
            return self._short_lines(place, short.end())
        if record := grammar.record.match(buffer, place):
            end = record.end()
            if end - place > BUFFER_BYTES:
                self._store(place, end, "LINE SIZE OVER MAXIMUM", 0)
            elif grammar.row.match(buffer, place):
                self._store(place, end, "UNQUOTED VALUE", 0)
            else:
                cells = len(self._cells(place, end))
                self._store(place, end, "TOO MANY COLUMNS" if cells > self._width else "MISSING COLUMNS", cells)
                self._refuse_swallowed(place, end)
            return end
        before = grammar.before.match(buffer, place)
        assert before is not None
        begin = before.end()
        body = grammar.body.match(buffer, begin)
        if body is None:
            return None
        if grammar.undecided.match(buffer, body.end()):
            if self._at_end:
                raise FileRefused(row_errors.unbalanced(self._line_at(begin)))
            return None
        line_end = buffer.find(b"\n", begin)
        if line_end < 0 and not self._at_end:
            return None
        if body.end() > line_end or self._may_be_open(buffer[begin:line_end]):
            # It cannot be determined where the next row begins.
            raise FileRefused(row_errors.unbalanced(self._line_at(begin)))
        self._store(place, line_end + 1, "UNQUOTED VALUE", 0)
        return line_end + 1

    def _may_be_open(self, text: bytes) -> bool:
        """Whether the rest of a line, from a malformed cell on, can be parsed so that its last cell continues on the next line."""
        lenient = csv.reader([text.decode(errors="replace"), ""], delimiter=self._dialect.delimiter)
        next(lenient)
        return bool(text.count(b'"') % 2) or lenient.line_num > 1

    def _short_lines(self, place: int, end: int) -> int:
        """Store lines with too few cells: the first ones of the file, and those that may be its footer; only count the others."""
        lines = self._buffer[place:end].split(b"\n")[:-1]
        filled = sum(1 for line in lines if line)
        room = MAX_REJECTS - len(self._found.malformed)
        begin, number = place, 0
        for line in lines:
            if line:
                number += 1
                if number <= room or number > filled - FOOTER_LINES:
                    cells = line.count(self._dialect.delimiter.encode()) + 1
                    self._store(begin, begin + len(line) + 1, "MISSING COLUMNS", cells)
                else:
                    self._found.count += 1
            begin += len(line) + 1
        return end

    def _store(self, place: int, end: int, kind: str, cells: int) -> None:
        text = self._buffer[place : min(end, place + TEXT_BYTES)].decode(errors="replace").rstrip("\n")
        row = Malformed(self._offset + place, self._line_at(place), text, kind, cells)
        self._last_end = self._offset + end
        self._last.append(row)
        if row_errors.is_empty(text):
            return
        self._found.count += 1
        if len(self._found.malformed) < MAX_REJECTS:
            self._found.malformed.append(row)

    def _cells(self, place: int, end: int) -> list[bytes]:
        cells = []
        while place < end:
            cell = self._grammar.cell.match(self._buffer, place)
            assert cell is not None
            place = cell.end()
            cells.append(cell[0])
        return cells

    def _is_misnamed(self, place: int, end: int) -> bool:
        """Whether a stray quote is in a cell that identifies the finding, and would change the identity.

        In an unquoted cell a quote is an ordinary character, as in the names of screens.
        """
        if self._buffer.count(b'"', place, end) % 2 == 0:
            return False
        cells = self._cells(place, end)
        return any(b'"' in cells[key] and not cells[key].lstrip().startswith(b'"') for key in self._keys)

    def _refuse_swallowed(self, place: int, end: int) -> None:
        """Refuse the file if a malformed row of several lines contains other rows."""
        first = self._buffer.find(b"\n", place, end) + 1
        if first == end:
            return
        for line in self._buffer[first:end].decode(errors="replace").splitlines():
            cells = line.split(self._dialect.delimiter)
            if len(cells) == self._width and row_errors.is_row(cells, self._recognised):
                raise FileRefused(row_errors.unbalanced(self._line_at(place)))

    def _line_at(self, place: int) -> int:
        """The line number of a place in the buffer; the places must not decrease by much, as lines are counted from the last one."""
        if place < self._counted:
            return self._line - self._buffer.count(b"\n", place, self._counted)
        self._line += self._buffer.count(b"\n", self._counted, place)
        self._counted = place
        return self._line

    def _finished(self) -> Separated:
        found, last = self._found, list(self._last)
        footer = row_errors.footer(self._path, self._width, last)
        if self._is_cut and last and self._may_be_cut(last[-1], footer):
            raise FileRefused(f"The file ends in the middle of a row (line {last[-1].line}); export it again.")
        if footer:
            found.footer = footer
            found.malformed = [row for row in found.malformed if row.offset < footer[0].offset]
            found.count -= sum(1 for row in footer if not row_errors.is_empty(row.text))
        return found

    def _may_be_cut(self, row: Malformed, footer: Sequence[Malformed]) -> bool:
        """Whether the last malformed row is the beginning of a row, in a file that ends without a line end."""
        if self._last_end < self._offset + len(self._buffer) or not row.text.strip(_NO_TEXT):
            return False
        # A row that is cut in its first cell may look like a line of a footer, but an empty line before it is unlikely.
        may_be_row = self._begins_in_prose and len(footer) == 1 and not self._follows_an_empty_line(row)
        return row.kind == "MISSING COLUMNS" and (not footer or may_be_row)

    def _follows_an_empty_line(self, row: Malformed) -> bool:
        self._reader.seek(max(0, row.offset - 2))
        return self._reader.read(2) == b"\n\n"


def _skip_header(stream: BinaryIO, dialect: Dialect) -> bytes:
    """Read the lines before the first row."""
    return b"".join(stream.readline(row_errors.LONGEST_LINE_BYTES) for _ in range(dialect.data_line - 1))


def _check_utf8(decode: Callable[..., str], chunk: bytes, *, final: bool = False) -> None:
    try:
        decode(chunk, final)
    except UnicodeDecodeError:
        raise NotUtf8 from None
