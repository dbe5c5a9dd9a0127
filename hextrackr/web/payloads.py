"""The JSON objects in the bodies of requests."""

from __future__ import annotations

from typing import Any

from flask import request

from hextrackr.errors import RequestError


def required() -> dict[str, Any]:
    """Return the JSON object in the body of the request.

    :raises RequestError: the body is not a JSON object.
    """
    payload = request.get_json(silent=True)
    if not isinstance(payload, dict):
        raise RequestError("The body must be a JSON object.")
    return payload


def optional() -> dict[str, Any]:
    """Return the JSON object in the body of the request; an empty one if the body is something else."""
    payload = request.get_json(silent=True)
    return payload if isinstance(payload, dict) else {}


def text_of(payload: dict[str, Any], name: str) -> str:
    """Return a string of a JSON object; empty if it is missing.

    :raises RequestError: the value is not a string.
    """
    value = payload.get(name, "")
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a string.")
    return value
