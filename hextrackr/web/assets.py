"""The pages' own files under an address that changes with them: a browser that has them asks no more until there are others.

The address names the state of all files together, so that a script finds the others it imports beside it. Pages of other origins
import the client of the socket from an address that never changes. All are sent compressed, piece by piece, so that no request waits for
another's. Icons are put straight into the page, so that they take the colour of the text around them.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from flask import Flask, Response, current_app, send_from_directory, url_for
from flask_compress import Compress
from flask_cors import cross_origin
from markupsafe import Markup

_A_YEAR = 365 * 24 * 3600
#: An import of another of our modules.
_IMPORT = re.compile(r'^import (?:.+ from )?"(\.{1,2}/.+)";$', re.MULTILINE)


def init_app(app: Flask) -> None:
    """Serve the files, and add two functions to templates: ``asset(name)`` returns the address of a file, ``modules_of(scripts)`` all
    modules that scripts import.
    """
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
        for unnecessary in ("Content-Disposition", "Expires"):
            response.headers.pop(unnecessary, None)
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
        response.call_on_close(response.response.close)  # Flask-Compress does not close it
    return response


def _state(folder: Path) -> str:
    """Return a version of all files, which changes when one of them does."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        stat = path.stat()
        digest.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def _modules_of(folder: Path) -> Callable[[Iterable[str]], list[str]]:
    """Return a function that returns the names of all modules that some scripts need, including the scripts themselves."""
    texts = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.glob("scripts/**/*.js")
    }
    imported = {
        script: [posixpath.normpath(posixpath.join(posixpath.dirname(script), name)) for name in _IMPORT.findall(text)]
        for script, text in texts.items()
    }

    def modules_of(names: Iterable[str]) -> list[str]:
        needed: set[str] = set()
        new = set(names)
        while new:
            needed |= new
            new = {other for name in new for other in imported.get(name, ())} - needed
        return sorted(needed)

    return modules_of


_NAME = re.compile(r"[a-z0-9-]+")
_DRAWING = re.compile(r"<svg\b[^>]*>(.*)</svg>", re.DOTALL)
_SVG = Markup(
    '<svg class="icon {css_class}" xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" '
    'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{drawing}</svg>'
)


def icon(name: str, css_class: str = "") -> Markup:
    """Return an icon as inline SVG, hidden from screen readers, as the text next to it has its meaning.

    :param name: the file's name in ``static/vendor/icons`` without ``.svg``.
    :param css_class: classes in addition to ``icon``.
    :return: empty if there is no such icon, so that a missing one does not break the page.
    """
    if current_app.static_folder is None:
        return Markup("")
    try:
        return _icon(current_app.static_folder, name, css_class)
    except OSError:
        return Markup("")


@cache
def _icon(folder: str, name: str, css_class: str) -> Markup:
    """Build an icon; the result is cached.

    :raises OSError: there is no such file. This is not cached, so that a missing icon appears once its file exists.
    """
    if not _NAME.fullmatch(name):
        return Markup("")
    match = _DRAWING.search(Path(folder, "vendor", "icons", f"{name}.svg").read_text(encoding="utf-8"))
    drawing = Markup(match.group(1).strip()) if match else Markup("")  # noqa: S704 (a file of our own)
    return _SVG.format(css_class=css_class, drawing=drawing)


def compress(app: Flask) -> None:
    """Compress HTML, styles, scripts and SVG; responses of the API are small, or streams that would be slower compressed."""
    app.config["COMPRESS_MIMETYPES"] = ["text/css", "text/javascript", "image/svg+xml", "text/html"]
    Compress(app)
