"""Evidence: what scanners saw, such as the output of a plugin."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class Evidence(Base):
    """A text, once, however many findings refer to it. It is there before any does, as soon as an import has staged its digest, and
    until the sweep once none does.

    ``digest`` is half of its MD5: 63 bits, by which it is found again.
    """

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[int] = mapped_column(BigInteger, index=True)
    text: Mapped[str] = mapped_column(Text)
