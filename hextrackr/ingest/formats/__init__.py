"""The scanner formats: one small declarative module each. Pure.

Every module in this package that has a ``FORMAT`` is known; adding one needs no change elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from hextrackr.errors import FileRefused, MissingColumns, UnknownFormat

from .format import Format, Recognised, letters, normalised


@cache
def known() -> tuple[Format, ...]:
    """Every format, the more demanding ones first."""
    modules = (importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__))
    formats = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return tuple(sorted(formats, key=_rank))


#: The columns that the message about an unknown file names.
_NAMED = 6
#: A file may have this many columns: more do not fit into the memory of an import.
MAX_COLUMNS = 500


def _rank(known_format: Format) -> tuple[bool, int, str]:
    return known_format.last_resort, -len(known_format.signature), known_format.key


def scanner_name(key: str, otherwise: str = "") -> str:
    """The scanner's name for people.

    :param otherwise: its name if no format here has this key: that of a mapping. Without one it is the key itself.
    """
    return next((known_format.name for known_format in known() if known_format.key == key), otherwise or key)


def check_name(scanner: str, key: str, title: str) -> str:
    """What people call a check: ``Plugin 105971``, ``QID 105971`` or ``CVE-2024-3094``, as its scanner does.

    :param key: the scanner's id of it.
    :return: empty for a check that has no id but its title.
    """
    if key == title[: len(key)]:
        return ""
    if key[:4].upper() == "CVE-":
        return key
    word = next((known_format.check for known_format in known() if known_format.key == scanner), "Plugin")
    return f"{word} {key}".strip()


def recognise(header: Sequence[str], saved: Sequence[Format] = ()) -> Recognised:
    """Find the format a header belongs to, and where its columns stand.

    :param saved: formats that users have made; they know their headers exactly, so they are asked first.
    :raises FileRefused: it has more columns than can be read in the memory there is.
    :raises UnknownFormat: it is no scanner's.
    :raises MissingColumns: it is a known scanner's, but lacks what the import cannot do without.
    """
    return candidates(header, saved)[0]


def candidates(header: Sequence[str], saved: Sequence[Format] = ()) -> list[Recognised]:
    """Every format that a header may belong to, with where its columns stand: the one that is meant, then those of which one mark at
    the most is missing. One column more or less must not make another scanner of a file: whose it is, its hosts tell.

    :raises FileRefused: as for :func:`recognise`, as are the others.
    """
    if len(header) > MAX_COLUMNS:
        raise FileRefused(f"The file has {len(header)} columns; no export of a scanner has more than {MAX_COLUMNS}.")
    match = _signed(header, (*saved, *known()))
    if match is None:
        raise UnknownFormat(_unknown(header))
    missing = match.missing(header)
    if missing:
        wanted = "; ".join(f"{meaning} (one of {', '.join(columns)})" for meaning, columns in missing)
        raise MissingColumns(f"This {match.name} export lacks {wanted}.")
    if match.header is not None:
        return [match.recognised(header)]
    others = [
        other
        for other in known()
        if other != match and other.lacking(header, letters) <= 1 and not other.missing(header)
    ]
    return [found.recognised(header) for found in (match, *others)]


def knowing(header: Sequence[str]) -> list[Format]:
    """Every format that knows a header, the one that is meant first; the last resort only if there is no other."""
    for form in (normalised, letters):
        signed = [known_format for known_format in known() if known_format.signed(header, form)]
        if signed:
            return [known_format for known_format in signed if not known_format.last_resort] or signed
    return []


def is_header(cells: Sequence[str]) -> bool:
    """Whether a line is the header of some format's export, complete or not."""
    return _signed(cells, known()) is not None


def _signed(header: Sequence[str], candidates: Sequence[Format]) -> Format | None:
    """The first format whose names stand in a header as the scanner writes them, else the first that has their letters."""
    return next((found for form in (normalised, letters) for found in candidates if found.signed(header, form)), None)


def _unknown(header: Sequence[str]) -> str:
    names = ("".join(filter(str.isprintable, " ".join(name.split())))[:40] for name in header[:_NAMED])
    shown = ", ".join([*filter(None, names), *(["..."] if len(header) > _NAMED else [])])
    return f"This file is not from a supported scanner (columns: {shown}). Map its columns once to import it."
