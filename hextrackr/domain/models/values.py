"""What assets and definitions say: the columns that the final, the staged and the remembered rows have in common."""

from __future__ import annotations

from datetime import date

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column


class AssetValues:
    """What is known of a host."""

    name: Mapped[str | None] = mapped_column(String(255))
    fqdn: Mapped[str | None] = mapped_column(String(255))
    netbios: Mapped[str | None] = mapped_column(String(255))
    ip: Mapped[str | None] = mapped_column(String(45))
    os: Mapped[str | None] = mapped_column(String(255))
    last_seen: Mapped[date | None]


class DefinitionValues:
    """What is known of a plugin, QID or NVT. ``cvss`` and ``vpr`` are 0..10, ``epss`` is 0..1."""

    title: Mapped[str] = mapped_column(Text)
    family: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    solution: Mapped[str | None] = mapped_column(Text)
    see_also: Mapped[str | None] = mapped_column(Text)
    cvss_vector: Mapped[str | None] = mapped_column(String(255))
    cvss: Mapped[float | None]
    vpr: Mapped[float | None]
    epss: Mapped[float | None]
    published: Mapped[date | None]
    updated: Mapped[date | None]
