"""The folders of the program: next to the package in the repository, inside the package if it is installed from a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: The folder from which ``hextrackr`` is imported.
IMPORT_ROOT = _PACKAGE.parent
IS_INSTALLED = (_PACKAGE / "templates").is_dir()
#: The folder of ``templates`` and ``static``.
RESOURCES = _PACKAGE if IS_INSTALLED else IMPORT_ROOT
#: The folder of ``.env`` and, by default, of the data; not the folder of installed packages, which an upgrade replaces.
HOME = Path.cwd() if IS_INSTALLED else IMPORT_ROOT
#: The program with the commands of :mod:`hextrackr.cli`.
PROGRAM = "hextrackr" if IS_INSTALLED else "flask"
