"""The URL converter of ids."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import IntegerConverter

from hextrackr.queries.parameters import MAX_NUMBER


class IdConverter(IntegerConverter):
    """An id in a path, such as ``/hosts/<int:host_id>``; a number that is too large for an id is a 404."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max": MAX_NUMBER, **options})
