"""Answers of the reader process to a query string, as they are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from hextrackr.extensions import reader


def answer(question: str, **parameters: Any) -> Response:
    """The answer to a question.

    :param question: the name of a function of :mod:`hextrackr.queries`.
    :raises HexTrackrError: what it refuses, or that it takes too long.
    """
    return Response(reader.ask(question, parameters), mimetype="application/json")


def page_of(question: str) -> Response:
    """The page that the query string of the request asks for; what follows it is in a ``Link`` header as well (RFC 8288)."""
    body = reader.ask(question, request.args.to_dict())
    response = Response(body, mimetype="application/json")
    following = orjson.loads(body)["pagination"]["next"]
    if following is not None:
        arguments = {**request.args.to_dict(), "cursor": following}
        arguments.pop("page", None)
        response.headers["Link"] = f'<{request.path}?{urlencode(arguments)}>; rel="next"'
    return response


def known(question: str, **parameters: Any) -> Any:
    """The answer to a question, to be rendered on a page."""
    return orjson.loads(reader.ask(question, parameters))
