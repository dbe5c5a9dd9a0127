"""The imports page as the tests use it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import APIRequestContext, FilePayload, Locator, Page, expect

from tests.support.server import Server
from tests.support.waiting import until

#: Rows of an export whose import lasts long enough to be seen at several places.
MANY = 40_000
#: Bytes of the largest file that the server of most tests accepts.
UPLOAD_LIMIT = 60_000_000
#: The states of an import that the importer has not finished.
UNDER_WAY = re.compile("^(waiting|running)$")
FIGURES = ("inserted", "updated", "reopened", "resolved", "unchanged", "rejected")


def payload(name: str, content: bytes) -> FilePayload:
    """A file that exists only in the test."""
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def bring(request: APIRequestContext, name: str, content: bytes, **fields: str) -> int:
    """Import a file without a page, and return the number of its import."""
    form = {"confirm": "true", **fields, "csvFile": payload(name, content)}
    answer = request.post("/api/vulnerabilities/import", multipart=form)
    assert answer.json()["state"] == "completed", answer.text()
    import_id: int = answer.json()["importId"]
    return import_id


@contextmanager
def held(server: Server) -> Iterator[None]:
    """Let the importer process stand still: an import that begins meanwhile does not end, however small its file is."""
    importer = until(lambda: _importer(server))
    importer.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):  # a cancel has ended it
            importer.resume()


def _importer(server: Server) -> psutil.Process | None:
    for child in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "hextrackr.jobs.importer" in child.cmdline():
                return child
    return None


def choose(
    page: Page,
    file: Path | FilePayload | Sequence[FilePayload],
    source: str = "",
    mode: str = "",
    *,
    preview: bool = False,
) -> None:
    """Choose a file in the form and import it, with these options of the sheet; ``mode`` is the label of one."""
    show(page, file)
    if source:
        sheet(page).get_by_label("Source label").fill(source)
    if mode:
        sheet(page).get_by_label(mode).check()
    if preview:
        sheet(page).get_by_label("Ask before saving").check()
    sheet(page).locator("[data-sheet-import]").click()
    expect(sheet(page)).to_be_hidden()


def show(page: Page, file: Path | FilePayload | Sequence[FilePayload]) -> None:
    """Choose a file in the form, so that the sheet shows what is recognised of it."""
    page.locator("import-form input[name=csvFile]").set_input_files(file)
    expect(sheet(page)).to_be_visible()


def sheet(page: Page) -> Locator:
    """The sheet that is shown before an import."""
    return page.locator("#import-sheet")


def batch(page: Page) -> Locator:
    """The list of files that were imported together."""
    return page.locator("#batch-modal")


def modal(page: Page) -> Locator:
    """The modal itself."""
    return page.locator("#progress-modal")


def part(page: Page, name: str) -> Locator:
    """The part of the modal marked ``data-progress-<name>``."""
    return modal(page).locator(f"[data-progress-{name}]")


def reaches(page: Page, state: str | re.Pattern[str], timeout: float = 30_000) -> None:
    """Wait for the modal to show this state."""
    expect(modal(page)).to_have_attribute("data-state", state, timeout=timeout)
    expect(modal(page)).to_be_visible()


def reaches_percent(page: Page, low: int) -> None:
    """Wait until the running import has come so far, and no further than 98 %; looks at each frame, as imports are short."""
    page.wait_for_function(
        """(low) => {
            const { state, percent } = window.shown.at(-1) ?? {};
            return state === "running" && low <= percent && percent <= 98;
        }""",
        arg=low,
    )
    expect(modal(page)).to_be_visible()


def has_warned(page: Page, text: str) -> None:
    """Wait until the modal has shown this warning, be it for a moment."""
    page.wait_for_function("(text) => window.shown.some(({ warning }) => warning.includes(text))", arg=text)


def figures(page: Page) -> dict[str, int]:
    """The final figures that the modal shows."""
    return {name: number(modal(page).locator(f'[data-figure="{name}"]').inner_text()) for name in FIGURES}


def number(text: str) -> int:
    """``9,850`` as a number."""
    return int(text.replace(",", ""))


def shown(page: Page) -> list[dict[str, Any]]:
    """Everything that the modal has shown since the page was loaded: state, percent, message, warning."""
    return page.evaluate("() => window.shown")


def shown_while(page: Page, state: str) -> list[int]:
    """The percentages that the modal showed in this state."""
    return [moment["percent"] for moment in shown(page) if moment["state"] == state]


def has_advanced(page: Page, places: int = 1) -> None:
    """While the import ran its bar never went back, and stood at this many places at least."""
    percentages = shown_while(page, "running")
    assert percentages == sorted(percentages)
    assert len(set(percentages)) >= places


def is_seen_live(page: Page, file: Path, source: str) -> None:
    """Import a file that takes a while, and see its bar advance from the first row to the last."""
    choose(page, file, source=source)
    reaches(page, "completed")
    has_advanced(page, places=5)


def row_of(page: Page, filename: str) -> Locator:
    """The newest row with this file in the list of imports."""
    return page.locator("[data-imports-list] [data-import-id]").filter(has_text=filename).first


def fetched(page: Page, path: str) -> Any:
    """What the server answers to the page."""
    return page.request.get(path).json()


def findings_of(page: Page, source: str) -> list[dict[str, Any]]:
    """All findings of a source, at most 500, whatever their state."""
    [number] = [known["sourceId"] for known in fetched(page, "/api/sources")["data"] if known["source"] == source]
    findings: list[dict[str, Any]] = fetched(page, f"/api/vulnerabilities?limit=500&source={number}")["data"]
    return findings
