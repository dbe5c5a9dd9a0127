"""Tries the mapping of a file: the one question that is about no record. It is asked here as this process has DuckDB at hand."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hextrackr.readmodel.questions import question

if TYPE_CHECKING:
    import duckdb


@question
def try_mapping(_cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what a mapping makes of a file, see :func:`hextrackr.ingest.mapping_trial.run`."""
    from hextrackr.ingest import (
        mapping_trial,
    )  # with DuckDB, which the web process, which imports this module, does not load

    with tempfile.TemporaryDirectory(prefix="hextrackr-mapping-") as folder:
        return mapping_trial.run(parameters, Path(folder))
