"""Assets: what was scanned."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base

from .values import AssetValues


class Asset(AssetValues, Base):
    """A host as one source knows it.

    What it is known again by are its :class:`AssetIdentifier`; ``key`` is what it was first known by: an id, else a name,
    else an address, with a number behind it where another asset has that already.
    """

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("source_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: What else is known of it: a JSON object of labels and texts.
    details: Mapped[str | None] = mapped_column(Text, deferred=True)


class AssetIdentifier(Base):
    """Something that a host is known by within its source: of the kind ``id``, ``name`` or ``address``.

    ``value`` is in the spelling in which it is compared: names in lower case without a closing dot, addresses in canonical spelling.
    ``realm`` keeps equal names and addresses apart, such as a repository of Security Center; an id has none. What is ``inherited`` was made
    from the columns of an asset that is older than this table.
    """

    __tablename__ = "asset_identifiers"
    __table_args__ = (Index("ix_asset_identifiers_asset_id", "asset_id"), {"sqlite_with_rowid": False})

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True)
    inherited: Mapped[bool] = mapped_column(default=False)
