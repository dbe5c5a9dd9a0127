"""Turns the simple HTML that some scanners put into their texts into plain text, as SQL. Pure.

Only the tags they use are taken out, so that ``a < b`` and ``<config>`` stay as they are. Text reaches the browser as text in any
case: this is for reading, not for safety.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from html.entities import html5

_BREAKS = r"(?i)[ \t]*<(?:br ?/?|/?p|/?div|/?[uo]l|/?table|/?tbody|/tr|/?pre|/h[1-6]|/?dl|/d[td])(?: [^<>]*)?>[ \t]*"
_ITEMS = r"(?i)\s*<li(?: [^<>]*)?>\s*"
_OTHERS = r"(?i)</?(?:a|b|li|i|u|em|strong|code|span|font|tt|tr|t[dh]|h[1-6]|d[td]|sup|sub)(?: [^<>]*)?>"
#: An entity, such as ``&eacute;``, ``&#8217;`` and ``&lt;``.
ENTITY = "&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
#: Stands for an ampersand until every entity is replaced, so that none is made of what others leave.
_AMPERSAND = "\x01"


def plain(text: str) -> str:
    """An expression: ``text`` without its tags; lines break where they would on a page. Its entities stay, see :mod:`.entities`."""
    plainer = f"regexp_replace({text}, '{_ITEMS}', E'\\n- ', 'g')"
    plainer = f"regexp_replace({plainer}, '{_BREAKS}', E'\\n', 'g')"
    plainer = f"regexp_replace({plainer}, '{_OTHERS}', '', 'g')"
    return trimmed(plainer)


def trimmed(text: str) -> str:
    """An expression: ``text`` without empty lines in a row and blanks around it, or NULL."""
    return f"nullif(trim(regexp_replace({text}, '\\n{{3,}}', E'\\n\\n', 'g'), E' \\t\\r\\n'), '')"


def unescaped(text: str, entities: Iterable[str]) -> str:
    """An expression: ``text`` with these entities replaced, each once, if it is one of HTML."""
    for entity in entities:
        # A name is known or not: what begins like one, such as &nothing;, is none.
        known = html.unescape(entity) if entity.startswith("&#") else html5.get(entity[1:], entity)
        character = known.replace("\xa0", " ")
        if character != entity:
            literal = character.replace("&", _AMPERSAND).replace("'", "''")
            text = f"replace({text}, '{entity}', '{literal}')"
    return f"replace({text}, chr(1), '&')"
