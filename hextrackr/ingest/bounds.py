"""The maximum lengths of stored texts, as SQL for DuckDB; texts that are cut are marked, counted, and named in a warning. Pure."""

from __future__ import annotations

from hextrackr.domain.fields import TEXT

#: Characters of the value of a detail. Evidence, and all details of one host or definition together, have the limit of a long text.
VALUE = 4_000
#: CVEs of one definition.
CVES = 2_000
#: The end of a text that was cut; and of a name or title.
MARK, SHORT_MARK = " [... cut here: the file has more]", "…"


def mark(limit: int) -> str:
    """The end of a text that was cut to this limit."""
    return MARK if limit == TEXT else SHORT_MARK


def bounded(text: str, limit: int, mark: str = MARK) -> str:
    """An expression: ``text``, with a mark at its end if it is cut because it is longer than ``limit``."""
    return f"CASE WHEN {longer(text, limit)} THEN left({text}, {limit - len(mark)}) || '{mark}' ELSE {text} END"


def longer(text: str, limit: int) -> str:
    """A condition: ``text`` has more characters; the bytes are compared first, as counting characters takes longer."""
    return f"(strlen({text}) > {limit} AND length({text}) > {limit})"


def cuts(limits: dict[str, int]) -> str:
    """An expression: the number of these texts that are longer than their limit."""
    return " + ".join(f"CAST(coalesce({longer(*each)}, FALSE) AS INTEGER)" for each in limits.items()) or "0"


def warnings(what: str, count: int) -> list[str]:
    """The warning that some texts were cut, if any were.

    :param what: such as ``text of evidence``.
    """
    if not count:
        return []
    noun, rest = what.split(" ", 1) if " " in what else (what, "")
    plural = " ".join(filter(None, (f"{noun}s" if count > 1 else noun, rest)))
    return [f"{count:,} {plural} {'were' if count > 1 else 'was'} longer than the limit, and cut; a mark shows where."]
