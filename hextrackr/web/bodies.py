"""JSON bodies: what is none is refused before a view sees it."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, request
from flask.json.provider import DefaultJSONProvider

from hextrackr.errors import RequestError

#: What no database takes: half a character of UTF-16, and NUL.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: Arrays and objects in one another.
MAX_DEPTH = 32


class BoundedJSON(DefaultJSONProvider):
    """Flask's own, but what lies too deep is no JSON, as what is cut short is."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Decode.

        :raises ValueError: it is no JSON that we take.
        """
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("it lies too deep") from None


def init_app(app: Flask) -> None:
    """Refuse bodies that say that they are JSON and are not."""
    app.json = BoundedJSON(app)
    app.json.sort_keys = False
    app.before_request(refuse_malformed)


def refuse_malformed() -> None:
    """Refuse a body that is no JSON though it says so, whatever would be read of it.

    :raises RequestError: it is none.
    """
    if not request.is_json or request.content_length == 0:
        return
    value = request.get_json(silent=True)
    try:
        if value is None and request.get_data(cache=True).strip() not in (b"", b"null"):
            raise ValueError("no JSON")
        _check(value, MAX_DEPTH)
    except ValueError:
        raise RequestError(
            "The body is not JSON that can be read: it is malformed, lies too deep or has characters that are none."
        ) from None


def _check(value: Any, depth: int) -> None:
    """Look through a value that was decoded.

    :raises ValueError: it lies too deep, or has a text that cannot be stored.
    """
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise ValueError("a text that cannot be stored")
    elif isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("it lies too deep")
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(each, depth - 1)
