"""Refuse invalid JSON bodies before they reach a view."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, request
from flask.json.provider import DefaultJSONProvider

from hextrackr.errors import RequestError

#: Characters that databases cannot store: NUL and surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: The maximum nesting of arrays and objects.
MAX_DEPTH = 32


class BoundedJSON(DefaultJSONProvider):
    """Flask's JSON provider, except that nesting beyond Python's recursion limit is a :class:`ValueError`."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Decode.

        :raises ValueError: the text is not JSON, or is nested too deeply.
        """
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def init_app(app: Flask) -> None:
    """Check the body of every JSON request."""
    app.json = BoundedJSON(app)
    app.json.sort_keys = False
    app.before_request(refuse_malformed)


def refuse_malformed() -> None:
    """Refuse a JSON request whose body is not valid JSON, whether or not the view reads it.

    :raises RequestError: the body is malformed, nested too deeply, or has characters that cannot be stored.
    """
    if not request.is_json or request.content_length == 0:
        return
    value = request.get_json(silent=True)
    try:
        if value is None and request.get_data(cache=True).strip() not in (b"", b"null"):
            raise ValueError("not JSON")
        _check(value, MAX_DEPTH)
    except ValueError:
        raise RequestError(
            "The body is not valid JSON: it is malformed, nested too deeply or contains invalid characters."
        ) from None


def _check(value: Any, depth: int) -> None:
    """Check the nesting and the strings of a decoded value.

    :raises ValueError: it is nested too deeply, or has a string that cannot be stored.
    """
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise ValueError("a string that cannot be stored")
    elif isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("nested too deeply")
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(each, depth - 1)
