"""Convert the simple HTML in the texts of some scanners to plain text, as SQL. Pure.

Only the tags that they use are removed, so that ``a < b`` and ``<config>`` stay as they are. This is for readability, not for safety: the
browser gets all texts as text anyway.
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
#: A placeholder for the ampersand until all entities are replaced, so that replacements do not form new entities.
_AMPERSAND = "\x01"


def plain(text: str) -> str:
    """An expression: ``text`` without its tags, with line breaks as on a page. Its entities stay, see :mod:`.entities`."""
    plainer = f"regexp_replace({text}, '{_ITEMS}', E'\\n- ', 'g')"
    plainer = f"regexp_replace({plainer}, '{_BREAKS}', E'\\n', 'g')"
    plainer = f"regexp_replace({plainer}, '{_OTHERS}', '', 'g')"
    return trimmed(plainer)


def trimmed(text: str) -> str:
    """An expression: ``text`` without repeated empty lines and surrounding blanks, or NULL."""
    return f"nullif(trim(regexp_replace({text}, '\\n{{3,}}', E'\\n\\n', 'g'), E' \\t\\r\\n'), '')"


def unescaped(text: str, entities: Iterable[str]) -> str:
    """An expression: ``text`` with these entities replaced, each once, if HTML defines them."""
    for entity in entities:
        # Only whole names count: html.unescape would also replace the beginning of &nothing;.
        found = html.unescape(entity) if entity.startswith("&#") else html5.get(entity[1:], entity)
        character = found.replace("\xa0", " ")
        if character != entity:
            literal = character.replace("&", _AMPERSAND).replace("'", "''")
            text = f"replace({text}, '{entity}', '{literal}')"
    return f"replace({text}, chr(1), '&')"
