"""The Chromium of this machine, for what tests the pages and what measures them."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

#: The first of these that there is. The shell is the same browser without windows of its own: a page takes a quarter of the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def launch(playwright: Playwright) -> Browser:
    """Start it; where there is none, Playwright looks for one of its own, and says so."""
    return playwright.chromium.launch(executable_path=PROGRAM, args=_ARGUMENTS)
