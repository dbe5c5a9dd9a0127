"""What a build of the package needs beside pyproject.toml; hatchling loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """The dependencies of the package: the very versions of ``requirements.txt``.

    HexTrackr is a program, to be installed in an environment of its own, and reaches into Engine.IO, eventlet and gunicorn, which
    promise nothing there: it is known to work with the versions that the tests ran with, and with no others.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add them to the metadata."""
        lines = Path(self.root, "requirements.txt").read_text(encoding="utf-8").splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith(("#", " "))]


class BrowserLibraries(BuildHookInterface[Any]):
    """Sees that the libraries of the pages are there: without them a page could be installed, and not work."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """End the build if they are not. An editable install takes them from the repository once they have been fetched."""
        if version != "editable" and not Path(self.root, "static", "vendor", "installed").is_file():
            raise SystemExit("The browser libraries are not in static/vendor yet: run `make assets` first.")
