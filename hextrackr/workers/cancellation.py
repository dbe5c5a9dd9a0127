"""Asks whichever process works on an import to cancel it: by a file, as the database is locked while an import is promoted."""

from __future__ import annotations

from pathlib import Path


def request(instance: Path, import_id: int) -> None:
    """Ask for an import to be cancelled."""
    folder = instance / "cancel"
    folder.mkdir(exist_ok=True)
    (folder / str(import_id)).touch()


def requested(instance: Path) -> set[int]:
    """The imports that somebody wants cancelled."""
    return {int(path.name) for path in (instance / "cancel").glob("*") if path.name.isdigit()}


def settle(instance: Path, import_id: int) -> None:
    """Take back a request, once it has been followed or has come too late."""
    (instance / "cancel" / str(import_id)).unlink(missing_ok=True)
