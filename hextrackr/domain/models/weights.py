"""What weighs on each asset and each definition: its open findings by severity, and their VPR.

Kept with every import, so that the worst of them are found without looking at the findings. What has no open finding has no row.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class Weight:
    """Open findings; ``vpr_sum`` is rounded to two places."""

    critical: Mapped[int]
    high: Mapped[int]
    medium: Mapped[int]
    low: Mapped[int]
    info: Mapped[int]
    vpr_sum: Mapped[float]


class AssetWeight(Weight, Base):
    """The open findings of an asset."""

    __tablename__ = "asset_weights"

    asset_id: Mapped[int] = mapped_column(
        ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, sort_order=-1
    )


class DefinitionWeight(Weight, Base):
    """The open findings of a definition."""

    __tablename__ = "definition_weights"

    definition_id: Mapped[int] = mapped_column(
        ForeignKey("definitions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, sort_order=-1
    )
