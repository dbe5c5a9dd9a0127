"""What axe finds wrong with a page, and whether it fits its window."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds serious or critical on the page as it is, one line for each element.

    :param rules: the only ones to check; all by default.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("(options) => axe.run(options)", options)["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def violations_in_both_themes(page: Page) -> list[str]:
    """What axe finds in the light, and in the dark, where nothing but the colours is different."""
    light = violations(page)
    _show_in(page, "dark")
    dark = violations(page, "color-contrast")
    _show_in(page, "light")
    return light + dark


def _show_in(page: Page, theme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=theme)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)


def fits(page: Page) -> None:
    """Wait until the page is no wider than its window, which may just have become narrower."""
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
