"""The mappings that users have saved, as formats."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import SavedMapping

from .formats import custom
from .formats.format import Format

#: What the keys of these formats begin with; their number follows.
PREFIX = "custom-"


def formats(engine: Engine) -> list[Format]:
    """All of them, the oldest first."""
    with Session(engine) as session:
        return [
            custom.format_of(
                f"{PREFIX}{saved.id}", saved.name, saved.header, saved.fields,
                severity_scale=saved.severity_scale, day_first=saved.day_first,
            )
            for saved in session.scalars(select(SavedMapping).order_by(SavedMapping.id))
        ]  # fmt: skip
