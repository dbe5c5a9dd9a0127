"""The two functions that Socket.IO wants of a JSON module, by orjson: several times faster than the standard one."""

from __future__ import annotations

from typing import Any

import orjson


def dumps(value: Any, **_options: Any) -> str:
    """Encode; orjson is compact by itself, so the separators asked for are what it gives."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def loads(text: str | bytes, **_options: Any) -> Any:
    """Decode.

    :raises ValueError: not JSON.
    """
    return orjson.loads(text)
