"""Imports bytes through the pipeline itself, without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config import TestingConfig
from hextrackr.domain.models import Import
from tests.support.importer import Importer, importer


@pytest.fixture
def run_import(engine: Engine, config: TestingConfig, tmp_path: Path) -> Importer:
    """Import a file and return its row; ``readings`` collects what the meter reports."""
    return importer(engine, config.database_url, tmp_path, config.RESOLVE_GUARD_PERCENT)


@pytest.fixture
def figures() -> Callable[[Import], dict[str, int]]:
    """The figures of an import that are not zero."""

    def of(record: Import) -> dict[str, int]:
        names = ("inserted", "updated", "reopened", "resolved", "unchanged", "merged", "blank", "rejected")
        return {name: getattr(record, name) for name in names if getattr(record, name)}

    return of
