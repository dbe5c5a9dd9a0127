"""The exports in ``tests/data/<scanner>/``, which we have made ourselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import ROOT
from tests.support.databases import ON_POSTGRESQL

FOLDER = ROOT / "tests" / "data"
FILES = sorted(FOLDER.glob("*/*.csv"))
#: The largest one of each scanner.
LARGEST = [max(folder.glob("*.csv"), key=lambda path: path.stat().st_size) for folder in sorted(FOLDER.iterdir())]


def of_each_scanner() -> Any:
    """All of them as parameters; those that are not the largest of their scanner are tried in the system tier.

    On PostgreSQL only the largest are: ``test_both_databases.py`` compares what becomes of all.
    """
    return [
        pytest.param(path, id=str(path.relative_to(FOLDER)), marks=() if path in LARGEST else pytest.mark.system)
        for path in (LARGEST if ON_POSTGRESQL else FILES)
    ]
