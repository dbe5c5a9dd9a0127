"""Turns the simple HTML that some scanners put into their texts into plain text, as SQL. Pure.

Only the tags they use are taken out, so that ``a < b`` and ``<config>`` stay as they are. Text reaches the browser as text in any
case: this is for reading, not for safety.
"""

from __future__ import annotations

_BREAKS = r"(?i)[ \t]*<(?:br ?/?|/?p|/?div|/?[uo]l|/?table|/?tbody|/tr|/?pre|/h[1-6]|/?dl|/d[td])(?: [^<>]*)?>[ \t]*"
_ITEMS = r"(?i)\s*<li(?: [^<>]*)?>\s*"
_OTHERS = r"(?i)</?(?:a|b|li|i|u|em|strong|code|span|font|tt|tr|t[dh]|h[1-6]|d[td]|sup|sub)(?: [^<>]*)?>"
_ENTITIES = (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "''"), ("&amp;", "&"))


def plain(text: str) -> str:
    """An expression: ``text`` without its tags; lines break where they would on a page."""
    plainer = f"regexp_replace({text}, '{_ITEMS}', E'\\n- ', 'g')"
    plainer = f"regexp_replace({plainer}, '{_BREAKS}', E'\\n', 'g')"
    plainer = f"regexp_replace({plainer}, '{_OTHERS}', '', 'g')"
    for entity, character in _ENTITIES:
        plainer = f"replace({plainer}, '{entity}', '{character}')"
    plainer = f"regexp_replace({plainer}, '\\n{{3,}}', E'\\n\\n', 'g')"
    return f"nullif(trim({plainer}, E' \\t\\r\\n'), '')"
