"""Icons for the templates: SVG files put straight into the page, so that they take the colour of the text around them."""

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
    """Return the icon as inline SVG, hidden from screen readers: the text beside it says what it means.

    :param name: the file's name in ``static/vendor/icons`` without ``.svg``.
    :param css_class: classes besides ``icon``.
    :return: empty if there is no such icon: a page never fails over one.
    """
    if current_app.static_folder is None:
        return Markup("")
    try:
        return _icon(current_app.static_folder, name, css_class)
    except OSError:
        return Markup("")


@cache
def _icon(folder: str, name: str, css_class: str) -> Markup:
    """Put an icon together, once.

    :raises OSError: there is no such file; this is not cached, so that an icon appears as soon as it has been copied.
    """
    if not _NAME.fullmatch(name):
        return Markup("")
    match = _DRAWING.search(Path(folder, "vendor", "icons", f"{name}.svg").read_text(encoding="utf-8"))
    drawing = Markup(match.group(1).strip()) if match else Markup("")  # noqa: S704 (a file of our own)
    return _SVG.format(css_class=css_class, drawing=drawing)
