"""What is counted once and kept until the record changes: until an import ends or is undone."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import

#: So much is kept; whoever asks for more lists than that has them counted anew.
_MOST = 500
#: For each database: when the record changed last, and what has been counted since.
_kept: WeakKeyDictionary[Engine, tuple[Any, dict[Hashable, Any]]] = WeakKeyDictionary()


def since_last_change(session: Session) -> dict[Hashable, Any]:
    """What has been counted since findings changed, to be looked up and added to, under names that tell all that it is limited to."""
    changed = session.execute(
        select(func.count(), func.max(Import.finished_at), func.max(Import.undone_at)).select_from(Import)
    ).one()
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    if engine not in _kept or _kept[engine][0] != changed or len(_kept[engine][1]) > _MOST:
        _kept[engine] = changed, {}
    return _kept[engine][1]
