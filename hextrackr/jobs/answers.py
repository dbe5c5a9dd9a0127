"""The answers to an import that asks before it resolves: confirm, leave the others open, or assign it to another source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hextrackr.domain.models import ImportMode
from hextrackr.errors import RequestError

_MAX_LABEL = 100


@dataclass(frozen=True)
class Answer:
    """An answer; an empty one confirms.

    :ivar source: the label of the source to which the file belongs instead; there the import may have to ask again.
    :ivar leave_open: resolve nothing by absence.
    """

    source: str = ""
    leave_open: bool = False


YES = Answer()


def parse(payload: Mapping[str, Any]) -> Answer:
    """Parse an answer: empty to confirm, ``{"source": label}`` or ``{"mode": "delta"}``.

    :raises RequestError: it is none of these.
    """
    if unknown := sorted(set(payload) - {"source", "mode"}):
        raise RequestError(f"Unknown key '{unknown[0]}'. Expected: source, mode, or nothing to confirm.")
    if len(payload) == 2:
        raise RequestError(
            "Send either source or mode. Another source has its own findings, and asks again if necessary."
        )
    if "mode" in payload and payload["mode"] != ImportMode.DELTA:
        raise RequestError("mode must be delta here, which leaves the others open.")
    return Answer(_label(payload["source"]) if "source" in payload else "", leave_open="mode" in payload)


def _label(value: Any) -> str:
    label = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(label) <= _MAX_LABEL:
        raise RequestError(f"source must be a label of 1 to {_MAX_LABEL} characters.")
    return label
