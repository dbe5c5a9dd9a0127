"""The pages' own files under an address that changes with them: a browser that has them asks no more until there are others.

The address names the state of all files together, so that a script finds the others it imports beside it. Pages of other origins
import the client of the socket from an address that never changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from flask import Flask, Response, send_from_directory, url_for
from flask_cors import cross_origin

_A_YEAR = 365 * 24 * 3600
#: An import of another module of the pages.
_IMPORT = re.compile(r'^import (?:.+ from )?"(\.{1,2}/.+)";$', re.MULTILINE)


def init_app(app: Flask) -> None:
    """Serve the files, and give templates ``asset(name)``, the address of one, and ``modules_of(scripts)``, what these import."""
    folder = Path(app.static_folder or "")
    app.add_url_rule(f"/static/{_state(folder)}/<path:filename>", "asset", _asset_of(folder))
    shared = cross_origin(origins=list(app.config["CORS_ORIGINS"]))(_shared_asset_of(folder))
    app.add_url_rule("/<any(scripts, vendor):part>/<path:filename>", "shared_asset", shared)
    app.jinja_env.globals.update(asset=_address, modules_of=_modules_of(folder))


def _address(name: str) -> str:
    return url_for("asset", filename=name)


def _asset_of(folder: Path) -> Callable[[str], Response]:
    def asset(filename: str) -> Response:
        response = _sent(folder, filename, max_age=_A_YEAR)
        for needless in ("Content-Disposition", "Expires"):
            response.headers.pop(needless, None)
        response.cache_control.public = True
        response.cache_control.immutable = True
        return response

    return asset


def _shared_asset_of(folder: Path) -> Callable[[str, str], Response]:
    def shared_asset(part: str, filename: str) -> Response:
        return _sent(folder / part, filename)

    return shared_asset


def _sent(folder: Path, filename: str, max_age: int | None = None) -> Response:
    response = send_from_directory(folder, filename, max_age=max_age)
    if hasattr(response.response, "close"):
        response.call_on_close(response.response.close)  # what compresses it forgets to
    return response


def _state(folder: Path) -> str:
    """A word that is another one as soon as a file is."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        known = path.stat()
        digest.update(f"{path.relative_to(folder)} {known.st_size} {known.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def _modules_of(folder: Path) -> Callable[[Iterable[str]], list[str]]:
    """Return a function from the names of scripts to those of all modules that they need, the scripts themselves among them."""
    imported = {
        path.relative_to(folder).as_posix(): [
            (path.parent / name).resolve().relative_to(folder.resolve()).as_posix()
            for name in _IMPORT.findall(path.read_text(encoding="utf-8"))
        ]
        for path in folder.glob("scripts/**/*.js")
    }

    def modules_of(names: Iterable[str]) -> list[str]:
        needed: set[str] = set()
        missing = set(names)
        while missing:
            needed |= missing
            missing = {other for name in missing for other in imported.get(name, ())} - needed
        return sorted(needed)

    return modules_of
