"""The Chromium of this machine, for tests and benchmarks of pages."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

#: The first of these that exists is used. The headless shell is the same browser without windows: a page takes a quarter of the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def launch(playwright: Playwright) -> Browser:
    """Start it; without one, Playwright looks for its own and reports if it is missing."""
    return playwright.chromium.launch(executable_path=PROGRAM, args=_ARGUMENTS)
