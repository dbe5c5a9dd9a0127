"""Ask the reader process, and pass its answers on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from hextrackr.extensions import reader


def answer(question: str, **parameters: Any) -> Response:
    """Return the answer to a question as a response.

    :param question: the name of a function of :mod:`hextrackr.queries`.
    :raises HexTrackrError: a parameter is invalid, or the query takes too long.
    """
    return Response(reader.ask(question, parameters), mimetype="application/json")


def page_of(question: str) -> Response:
    """Return the page of a list that the query string selects, with a ``Link`` header (RFC 8288) to the next one."""
    body = reader.ask(question, request.args.to_dict())
    response = Response(body, mimetype="application/json")
    cursor = orjson.loads(body)["pagination"]["next"]
    if cursor is not None:
        arguments = {**request.args.to_dict(), "cursor": cursor}
        arguments.pop("page", None)
        response.headers["Link"] = f'<{request.path}?{urlencode(arguments)}>; rel="next"'
    return response


def ask(question: str, **parameters: Any) -> Any:
    """Return the answer to a question as Python objects, for a template or a view; raises as :func:`answer`."""
    return orjson.loads(reader.ask(question, parameters))
