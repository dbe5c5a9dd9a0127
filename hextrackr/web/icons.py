"""Icons for the templates, as inline SVG, so that they have the colour of the surrounding text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from flask import current_app
from markupsafe import Markup

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
