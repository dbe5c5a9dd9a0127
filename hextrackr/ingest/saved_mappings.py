"""The mappings that users have saved, as formats, and the names of the scanners whose files they read."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import SavedMapping

from .formats import custom
from .formats.format import Format

#: What the keys of these formats begin with; their number follows.
PREFIX = "custom-"


class Scanner(NamedTuple):
    """A scanner whose files a mapping reads: its name, and the number of the mapping unless that is deleted."""

    name: str
    mapping_id: int | None


def formats(engine: Engine) -> list[Format]:
    """All that are not deleted, the oldest first."""
    with Session(engine) as session:
        wanted = select(SavedMapping).where(SavedMapping.deleted_at.is_(None)).order_by(SavedMapping.id)
        return [format_of(saved) for saved in session.scalars(wanted)]


def format_of(saved: SavedMapping) -> Format:
    """The format that a mapping describes.

    :raises RequestError: see :func:`.custom.format_of`.
    """
    return custom.format_of(
        key_of(saved), saved.name, saved.header, saved.fields,
        severity_scale=saved.severity_scale, day_first=saved.day_first, meanings=saved.meanings or {},
    )  # fmt: skip


def key_of(saved: SavedMapping) -> str:
    """The key of the scanner whose files a mapping reads, which its sources and imports have."""
    return f"{PREFIX}{saved.id}"


def scanners(session: Session) -> dict[str, Scanner]:
    """The scanners whose files are read by mappings, or were by deleted ones, by their keys."""
    mappings = session.execute(select(SavedMapping.id, SavedMapping.name, SavedMapping.deleted_at))
    return {f"{PREFIX}{id}": Scanner(name, id if deleted is None else None) for id, name, deleted in mappings}
