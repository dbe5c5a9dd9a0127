"""The revisions of the tables in this version, from the file names of its migrations."""

from __future__ import annotations

import re
from pathlib import Path

#: The folder of the migrations.
MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def known() -> list[str]:
    """All revisions, the oldest first."""
    return sorted(match[1] for path in MIGRATIONS.glob("*.py") if (match := re.match(r"(\d+)_", path.name)))


def is_before_first(revision: str) -> bool:
    """Whether a revision is older than the first one that can be migrated to this version."""
    first = known()[0]
    return revision.isdigit() and len(revision) == len(first) and revision < first
