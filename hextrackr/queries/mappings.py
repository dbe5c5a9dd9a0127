"""Try a mapping on a file: the only question that does not read the read model; the reader process answers it, as it has loaded DuckDB."""

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
    """Answer the findings that a mapping makes of a file; see :func:`hextrackr.ingest.mapping_trial.run`."""
    # Not at the top, as it imports DuckDB, and the web process imports this module as well.
    from hextrackr.ingest import mapping_trial

    with tempfile.TemporaryDirectory(prefix="hextrackr-mapping-") as folder:
        return mapping_trial.run(parameters, Path(folder))
