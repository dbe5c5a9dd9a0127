"""How long the texts may be that are kept, as SQL for DuckDB; what is cut is marked, counted, and told in a warning. Pure."""

from __future__ import annotations

from hextrackr.domain.fields import TEXT

#: In characters: the value of a detail. Evidence, and all details of something together, are as long as a long text.
VALUE = 4_000
#: So many CVEs of one definition are kept.
CVES = 2_000
#: What stands at the end of a text that was cut; and of a name or title.
MARK, SHORT_MARK = " [... cut here: the file has more]", "…"


def mark(limit: int) -> str:
    """What stands at the end of a text of at most this length that was cut."""
    return MARK if limit == TEXT else SHORT_MARK


def bounded(text: str, limit: int, mark: str = MARK) -> str:
    """An expression: ``text``, with a mark at its end if it is cut because it is longer than ``limit``."""
    return f"CASE WHEN {longer(text, limit)} THEN left({text}, {limit - len(mark)}) || '{mark}' ELSE {text} END"


def longer(text: str, limit: int) -> str:
    """A condition: ``text`` has more characters; to count them takes longer than to see how many bytes there are."""
    return f"(strlen({text}) > {limit} AND length({text}) > {limit})"


def cuts(limits: dict[str, int]) -> str:
    """An expression: how many of these texts are longer than their limit."""
    return " + ".join(f"CAST(coalesce({longer(*each)}, FALSE) AS INTEGER)" for each in limits.items()) or "0"


def told(what: str, count: int) -> list[str]:
    """The warning that some texts were cut, if any were.

    :param what: such as ``text of evidence``.
    """
    if not count:
        return []
    noun, rest = what.split(" ", 1) if " " in what else (what, "")
    plural = " ".join(filter(None, (f"{noun}s" if count > 1 else noun, rest)))
    return [
        f"{count:,} {plural} {'were' if count > 1 else 'was'} longer than what is kept, and cut; a mark shows where."
    ]
