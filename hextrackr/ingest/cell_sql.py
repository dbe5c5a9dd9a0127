"""What single cells hold, as SQL for DuckDB: days, scores, ids of vulnerabilities, texts with markup, and their maximum lengths. Pure.

A date is read as it is written, in all formats that scanners write: the scanner's own day, whatever its time zone. A cell has a date only
if its whole text has one of the formats, and a date is believable only from :data:`FIRST_DAY` to the day of the import. Only the order of
day and month is a parameter.

A score is a number of a scale, alone or before a vector in brackets.

Simple HTML becomes plain text. Only the tags that scanners use are removed, so that ``a < b`` and ``<config>`` stay as they are. This is
for readability, not for safety: the browser gets all texts as text anyway.

Texts that are cut are marked, counted, and named in a warning.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from html.entities import html5

from hextrackr.domain.fields import FINDING, TEXT, VULNERABILITY, Kind

#: The first believable day.
FIRST_DAY = date(1990, 1, 1)

#: The formats that most programs write; they are tried first, as they are fast.
_USUAL = ("%Y-%m-%dT%H:%M:%S.%gZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")

#: What programs write for no date: their first or last possible time, also in a time zone west of Greenwich.
_NO_DAYS = ("0001-01-01", "1600-12-31", "1601-01-01", "1969-12-31", "1970-01-01", "9999-12-31")
_NO_DAY_TEXTS = ("never", "none", "null", "n/a", "na", "unknown", "-", "'-", "--", "0", "-1")

_YEAR = r"([0-9]{4}|[0-9]{2})"
_FULL_YEAR = r"([0-9]{4})"
_TWO = r"([0-9]{1,2})"
_DAY = rf"{_TWO}(?:st|nd|rd|th)?"
_MONTH = r"(?i:(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?)"
_WEEKDAY = r"(?i:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"
#: Browsers write a narrow no-break space before AM and PM.
_BLANK = "[ \u00a0\u202f]"
_CLOCK = rf"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?(?:{_BLANK}?(?i:[ap]\.?m\.?))?"
_ZONE = r"(?: ?\(?(?:[Zz]|[A-Z]{2,5})?(?:[+-][0-9]{2}(?::?[0-9]{2})?)?\)?(?: [A-Z]{2,5}| ?\([A-Za-z ]+\)|\[[A-Za-z0-9_/+-]+\])?)"
_TIME = rf"(?:(?:[Tt]|,? +|, ?|,? (?:at|@) ){_CLOCK}{_ZONE})?"

#: A numeric date in which day and month are ambiguous, with groups for the two numbers.
NUMERIC_DATE = rf"^{_TWO}[/-]{_TWO}[/-]{_YEAR}{_TIME}$"

#: The prefix of a rewritten date, so that no other text is parsed as one.
_DATE_MARK = "\x1f"
#: A pattern, its replacement, and the format of the month in it. A year of two digits is one from 1969 to 2068.
_SHAPES = (
    (rf"^{_FULL_YEAR}[-/.]{_TWO}[-/.]{_TWO}{_TIME}$", r"\1-\2-\3", "%m"),
    (rf"^{_WEEKDAY}{_MONTH}[-/. ]*{_DAY},?[-/. ]+{_YEAR}{_TIME}$", r"\3-\1-\2", "%b"),
    (rf"^{_WEEKDAY}{_DAY}[-/. ]*{_MONTH}[-/., ]*{_YEAR}{_TIME}$", r"\3-\2-\1", "%b"),
    (rf"^{_WEEKDAY}{_MONTH} +{_TWO} +{_CLOCK}{_ZONE} +{_FULL_YEAR}$", r"\3-\1-\2", "%b"),
    (rf"^{_FULL_YEAR}[-/. ]{_MONTH}[-/. ]{_TWO}{_TIME}$", r"\1-\2-\3", "%b"),
    # In dates with dots the day always comes first.
    (rf"^{_TWO}\.{_TWO}\.{_YEAR}{_TIME}$", r"\3-\2-\1", "%m"),
    (rf"^{_FULL_YEAR}([0-9]{{2}})([0-9]{{2}})(?:[T ]?[0-9]{{4}}(?:[0-9]{{2}})?{_ZONE})?$", r"\1-\2-\3", "%m"),
)
#: Seconds or milliseconds since the epoch; those of this century have ten or thirteen digits.
_EPOCH = r"1[0-9]{9}(?:[0-9]{3})?(?:\.[0-9]+)?"


#: The beginning of a date in one of the usual formats.
_USUAL_BEGINS = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def may_be_usual_day(text: str) -> bool:
    """Whether a text may be a date in one of the usual formats."""
    return _USUAL_BEGINS.match(text) is not None


def day(cell: str, *, day_first: bool, usual: bool = False) -> str:
    """An expression: the day in ``cell``, believable or not, or NULL.

    :param day_first: whether ``03/04/2026`` is in April.
    :param usual: parse only the usual formats. Compiling the patterns of the others takes longer than reading a thousand rows.
    """
    # "%Y" would parse the first number of 13-02-26 as a year.
    as_usual = f"CASE WHEN {cell}[2] >= '0' AND {cell}[5] = '-' THEN try_strptime({cell}, [{_listed(_USUAL)}]) END"
    if usual:
        return f"CAST({as_usual} AS DATE)"
    rest = ", ".join(
        f"try_strptime(regexp_replace({cell}, '{pattern}', '{_DATE_MARK}{rewritten}'), [{_listed(_formats(month))}])"
        for pattern, rewritten, month in _shapes(day_first)
    )
    seconds = f"make_timestamp(CAST(left({cell}, 10) AS BIGINT) * 1000000)"
    epoch = f"CASE WHEN regexp_full_match({cell}, '{_EPOCH}') THEN {seconds} END"
    return f"CAST(coalesce({as_usual}, {rest}, {epoch}) AS DATE)"


def day_of_text(text: str, *, day_first: bool) -> date | None:
    """Parse a text in the same way as :func:`day` parses a cell."""
    for pattern, rewritten, month in _shapes(day_first):
        match = re.match(pattern, text)
        if match is None:
            continue
        for shape in _formats(month):
            try:
                return datetime.strptime(match.expand(_DATE_MARK + rewritten), shape).date()
            except ValueError:
                pass
    return None


def believable_day(day: str, today: date) -> str:
    """An expression: a day if it is believable, else NULL."""
    return f"CASE WHEN {day} BETWEEN DATE '{FIRST_DAY}' AND DATE '{today}' THEN {day} END"


def means_no_day(text: str, day: str) -> str:
    """A condition: the text is what programs write for no date.

    :param day: the expression of the day in it, see :func:`day`.
    """
    none = f"CAST({day} AS VARCHAR) IN ({_listed(_NO_DAYS)}) OR lower({text}) IN ({_listed(_NO_DAY_TEXTS)})"
    return f"({none} OR starts_with({text}, '0000')) IS TRUE"


def left_out_days(text: str, day: str, today: date) -> tuple[str, str]:
    """Two conditions: the text should be a date but is no believable one; and its day is in the future."""
    doubtful = f"{text} IS NOT NULL AND ({day} BETWEEN DATE '{FIRST_DAY}' AND DATE '{today}') IS NOT TRUE"
    named = f"{doubtful} AND NOT ({means_no_day(text, day)})"
    to_come = f"({day} > DATE '{today}') IS TRUE"
    return f"{named} AND NOT {to_come}", f"{named} AND {to_come}"


def _shapes(day_first: bool) -> tuple[tuple[str, str, str], ...]:
    numbers = r"\2-\1" if day_first else r"\1-\2"
    return (*_SHAPES, (NUMERIC_DATE, rf"\3-{numbers}", "%m"))


def _formats(month: str) -> tuple[str, str]:
    """The formats of a rewritten date. The year of two digits is first, as it would also match the first two of four digits."""
    return f"{_DATE_MARK}%y-{month}-%d", f"{_DATE_MARK}%Y-{month}-%d"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


#: The upper end of each score's scale; all begin at 0.
HIGHEST_SCORES = {field.name: field.highest for field in (*VULNERABILITY, *FINDING) if field.kind is Kind.SCORE}


@dataclass(frozen=True)
class Scale:
    """The correction of a column's numbers.

    :ivar divisor: the numbers are divided by it; with 0, those above the scale are left out instead.
    :ivar over_only: divide only numbers that are above the scale and have no decimals.
    """

    divisor: float
    over_only: bool


def number(cell: str) -> str:
    """An expression: the number at the beginning of ``cell``, or NULL.

    It is 9.8 for ``9.8 (AV:N/AC:L)`` and for ``9,8``, and 0.098 for ``9.8%``.
    """
    begins = rf"regexp_extract({cell}, '^([0-9]+(?:[.,][0-9]+)?) ?(?:%|\(.*)?$', 1)"
    rest = f"try_cast(replace({begins}, ',', '.') AS DOUBLE)"
    return f"coalesce(try_cast({cell} AS DOUBLE), CASE WHEN contains({cell}, '%') THEN {rest} / 100 ELSE {rest} END)"


def score(highest: float, cells: Mapping[str, Scale | None], *, limited: bool) -> str:
    """An expression: the first number among ``cells``.

    :param highest: the upper end of the scale, which begins at 0.
    :param limited: return NULL for a number outside the scale; otherwise return it unchanged, so that such numbers can be found.
    """
    values = []
    for cell, scale in cells.items():
        value = number(cell)
        if scale is not None and scale.divisor:
            divided = f"round({value} / {scale.divisor}, 5)"
            lost = f"{value} > {highest} AND {value} = floor({value})"
            value = f"CASE WHEN {lost} THEN {divided} ELSE {value} END" if scale.over_only else divided
        values.append(f"CASE WHEN {value} BETWEEN 0 AND {highest} THEN {value} END" if limited else value)
    return f"coalesce({', '.join(values)})" if values else "CAST(NULL AS DOUBLE)"


CVE = r"(?i:CVE)-[0-9]{4}-[0-9]{2,}"
ADVISORY = "|".join(
    (
        r"\bcisco-sa-[0-9A-Za-z-]*[0-9A-Za-z]",
        r"\bGHSA(?:-[0-9a-z]{4}){3}",
        r"\bPAN-SA-[0-9]{4}-[0-9]{4}",
        r"\b(?:RH[SBE]A|ALSA|RLSA|(?:openSUSE|SUSE)-[SR]U)-[0-9]{4}:[0-9]+(?:-[0-9]+)?",
        r"\b(?:ELSA|ALAS[0-9A-Z]*|GLSA|VMSA|PYSEC|RUSTSEC|GO|ICSA|ZDI|FG-IR)-[0-9]{2,6}-[0-9]+(?:[.-][0-9]+)?",
        r"\b(?:DSA|DLA|USN)-[0-9]{2,}-[0-9]+",
        r"\bTEMP-[0-9]{7}-[0-9A-F]{6}",
        r"\bMS[0-9]{2}-[0-9]{3}\b",
    )
)
#: The ids in a field for CVE ids: feeds without CVEs have their advisories there.
ANY_ID = f"{CVE}|{ADVISORY}"
#: The same in upper case.
ANY_ID_UPPER = f"(?i:{ANY_ID})"

_BREAK_TAGS = (
    r"(?i)[ \t]*<(?:br ?/?|/?p|/?div|/?[uo]l|/?table|/?tbody|/tr|/?pre|/h[1-6]|/?dl|/d[td])(?: [^<>]*)?>[ \t]*"
)
_ITEM_TAGS = r"(?i)\s*<li(?: [^<>]*)?>\s*"
_OTHER_TAGS = r"(?i)</?(?:a|b|li|i|u|em|strong|code|span|font|tt|tr|t[dh]|h[1-6]|d[td]|sup|sub)(?: [^<>]*)?>"
#: An entity, such as ``&eacute;``, ``&#8217;`` and ``&lt;``.
ENTITY = "&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
#: A placeholder for the ampersand until all entities are replaced, so that replacements do not form new entities.
_AMPERSAND = "\x01"


def plain(text: str) -> str:
    """An expression: ``text`` without its tags, with line breaks as on a page. Its entities stay, see :mod:`.csv_reader`."""
    plainer = f"regexp_replace({text}, '{_ITEM_TAGS}', E'\\n- ', 'g')"
    plainer = f"regexp_replace({plainer}, '{_BREAK_TAGS}', E'\\n', 'g')"
    plainer = f"regexp_replace({plainer}, '{_OTHER_TAGS}', '', 'g')"
    return trimmed(plainer)


def trimmed(text: str) -> str:
    """An expression: ``text`` without repeated empty lines and surrounding blanks, or NULL."""
    return f"nullif(trim(regexp_replace({text}, '\\n{{3,}}', E'\\n\\n', 'g'), E' \\t\\r\\n'), '')"


def unescaped(text: str, entities: Iterable[str]) -> str:
    """An expression: ``text`` with these entities replaced, each once, if HTML defines them."""
    for entity in entities:
        # Only whole names count: html.unescape would also replace the beginning of &nothing;.
        found = html.unescape(entity) if entity.startswith("&#") else html5.get(entity[1:], entity)
        character = found.replace("\xa0", " ")
        if character != entity:
            literal = character.replace("&", _AMPERSAND).replace("'", "''")
            text = f"replace({text}, '{entity}', '{literal}')"
    return f"replace({text}, chr(1), '&')"


#: Characters of the value of a detail. Evidence, and all details of one host or definition together, have the limit of a long text.
MAX_VALUE = 4_000
#: CVEs of one definition.
MAX_CVES = 2_000
#: The end of a text that was cut; and of a name or title.
CUT_MARK, SHORT_MARK = " [... cut here: the file has more]", "…"


def mark_of(limit: int) -> str:
    """The end of a text that was cut to this limit."""
    return CUT_MARK if limit == TEXT else SHORT_MARK


def bounded(text: str, limit: int, mark: str = CUT_MARK) -> str:
    """An expression: ``text``, with a mark at its end if it is cut because it is longer than ``limit``."""
    return f"CASE WHEN {longer(text, limit)} THEN left({text}, {limit - len(mark)}) || '{mark}' ELSE {text} END"


def longer(text: str, limit: int) -> str:
    """A condition: ``text`` has more characters; the bytes are compared first, as counting characters takes longer."""
    return f"(strlen({text}) > {limit} AND length({text}) > {limit})"


def cuts(limits: dict[str, int]) -> str:
    """An expression: the number of these texts that are longer than their limit."""
    return " + ".join(f"CAST(coalesce({longer(*each)}, FALSE) AS INTEGER)" for each in limits.items()) or "0"


def cut_warnings(what: str, count: int) -> list[str]:
    """The warning that some texts were cut, if any were.

    :param what: such as ``text of evidence``.
    """
    if not count:
        return []
    noun, rest = what.split(" ", 1) if " " in what else (what, "")
    plural = " ".join(filter(None, (f"{noun}s" if count > 1 else noun, rest)))
    return [f"{count:,} {plural} {'were' if count > 1 else 'was'} longer than the limit, and cut; a mark shows where."]
