"""The number in a path."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import IntegerConverter

from hextrackr.queries.parameters import MAX_NUMBER


class IdConverter(IntegerConverter):
    """The number in a path, such as ``/hosts/<int:host_id>``; what no row can have leads nowhere."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max": MAX_NUMBER, **options})
