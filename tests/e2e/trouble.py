"""What a page should not meet."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Page, Request, Response


class Trouble:
    """Collects trouble of every page it watches, as lines."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._expected: list[str] = []

    def expect(self, *patterns: str) -> None:
        """Let trouble pass that one of these regular expressions is found in."""
        self._expected += patterns

    def unexpected(self) -> list[str]:
        """The trouble that nobody expected."""
        return [line for line in self._seen if not any(re.search(pattern, line) for pattern in self._expected)]

    def watch(self, page: Page) -> None:
        """Begin to collect from a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._seen.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        # "Failed to load resource" is told by the answer or the failed request, with its address; a page that needs its socket no
        # more closes it, on a busy machine before it has been opened
        told = ("Failed to load resource", "WebSocket is closed before the connection is established")
        if message.type in ("error", "warning") and not any(text in message.text for text in told):
            self._seen.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        # the page itself ends a request whose answer it needs no more, and leaving a page ends all of its
        if request.failure != "net::ERR_ABORTED":
            self._seen.append(f"request: {request.method} {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._seen.append(f"answer: {response.request.method} {response.url} {response.status}")
