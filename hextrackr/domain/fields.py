"""The fields of hosts, vulnerabilities and findings: each is declared here, once.

A declaration defines the column in the tables, in staging and in the undo log, how rows of one finding are merged, how a scan is compared
with the record, and how an update, an undo and a backup handle the value. A new field also needs its columns in the formats that have it,
and a migration.

Which host, vulnerability or finding a row is about, and whether it is open, is decided by rules and not by fields:
see :mod:`.identity` and :mod:`.lifecycle`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto
from typing import Any

from sqlalchemy import Date, Double, String, Text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

#: Lengths in characters: a name, a title, and a long text.
NAME, TITLE, TEXT = 255, 1_000, 65_536


class Kind(Enum):
    """The type of a value. If rows have different values, the greatest is used, so that their order does not matter."""

    TEXT = auto()
    SCORE = auto()
    DAY = auto()


@dataclass(frozen=True)
class Field:
    """One field.

    :ivar kind: its type.
    :ivar label: its name for people.
    :ivar limit: the maximum number of characters of a text.
    :ivar markup: the text may have simple HTML, in formats whose texts have some.
    :ivar highest: the upper end of a score's scale, which begins at 0.
    :ivar listed: lists of findings have it as a column, which can be sorted, filtered and exported.
    :ivar name: its name in the tables and in formats.
    """

    kind: Kind
    label: str
    limit: int = 0
    markup: bool = False
    highest: float = 0
    listed: bool = False
    name: str = ""

    @property
    def key(self) -> str:
        """Its name in JSON: ``cvssVector`` for ``cvss_vector``."""
        first, *rest = self.name.split("_")
        return first + "".join(map(str.capitalize, rest))


def _column(sql_type: TypeEngine[Any], field: Field) -> MappedColumn[Any]:
    return mapped_column(sql_type, info={"field": field})


def line(label: str, limit: int = NAME, *, listed: bool = False) -> MappedColumn[Any]:
    """Declare a short text, such as a name."""
    return _column(String(limit), Field(Kind.TEXT, label, limit, listed=listed))


def prose(label: str, limit: int = TEXT) -> MappedColumn[Any]:
    """Declare a text that people read, such as a title or a description."""
    return _column(Text(), Field(Kind.TEXT, label, limit, markup=True))


def score(label: str, highest: float, *, listed: bool = True) -> MappedColumn[Any]:
    """Declare a number from 0 to ``highest``."""
    return _column(Double(), Field(Kind.SCORE, label, highest=highest, listed=listed))


def day(label: str, *, listed: bool = True) -> MappedColumn[Any]:
    """Declare a day."""
    return _column(Date(), Field(Kind.DAY, label, listed=listed))


class HostFields:
    """The fields of a host."""

    name: Mapped[str | None] = line("Display name")
    fqdn: Mapped[str | None] = line("FQDN")
    netbios: Mapped[str | None] = line("NetBIOS name")
    ip: Mapped[str | None] = line("IP address", 45)
    os: Mapped[str | None] = line("Operating system", listed=True)
    last_seen: Mapped[date | None] = day("Last seen", listed=False)


class VulnerabilityFields:
    """The fields of a vulnerability: a plugin, QID or NVT."""

    title: Mapped[str] = prose("Title", TITLE)
    family: Mapped[str | None] = line("Family", listed=True)
    description: Mapped[str | None] = prose("Description")
    solution: Mapped[str | None] = prose("Solution")
    see_also: Mapped[str | None] = prose("Links")
    cvss_vector: Mapped[str | None] = line("CVSS vector")
    cvss: Mapped[float | None] = score("CVSS", 10.0)
    vpr: Mapped[float | None] = score("VPR", 10.0)
    epss: Mapped[float | None] = score("EPSS", 1.0)
    published: Mapped[date | None] = day("Published")
    updated: Mapped[date | None] = day("Updated")


class FindingFields:
    """The fields of a finding beside its severity. A scan with other values than the one before updates the finding."""

    vpr: Mapped[float | None] = score("VPR", 10.0)
    cvss: Mapped[float | None] = score("CVSS", 10.0)


def of(fields: type) -> tuple[Field, ...]:
    """The fields of a class, in their order."""
    columns = {
        key: value.column.info["field"] for key, value in vars(fields).items() if isinstance(value, MappedColumn)
    }
    return tuple(replace(field, name=key) for key, field in columns.items())


HOST, VULNERABILITY, FINDING = of(HostFields), of(VulnerabilityFields), of(FindingFields)


def names(fields: Iterable[Field], *kinds: Kind) -> tuple[str, ...]:
    """The names of the fields of these kinds, or of all fields."""
    return tuple(field.name for field in fields if not kinds or field.kind in kinds)


def listed(fields: Iterable[Field], template: str = "{name}", parted: str = ", ") -> str:
    """SQL: the template for each field, formatted with its name."""
    return parted.join(template.format(name=field.name) for field in fields)
