"""A page of an allowed origin imports the client of the socket and follows an import with it; one of any other origin does not get it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error

from tests.e2e.modal import payload
from tests.support.exports import scan

MODULE = "/scripts/shared/websocket-client.js"
FOLLOW = """async ([module, sessionId]) => {
    const { default: WebSocketClient } = await import(module);
    const client = new WebSocketClient();
    client.on("progressStatus", () => {
        throw new Error("broken");
    });
    const ended = new Promise((resolve) => {
        client.on("progressStatus", (snapshot) => snapshot.status === "completed" && resolve(snapshot));
        client.on("progressComplete", resolve);
    });
    client.emit("join-progress", sessionId);
    await client.connect();
    const { status } = await ended;
    client.disconnect();
    return status;
}"""


def test_a_page_of_another_origin_follows_an_import_if_it_is_allowed(context, other_site, server, trouble):
    trouble.expect("a listener failed", "CORS policy", "ERR_FAILED")
    page = context.new_page()
    form = {"csvFile": payload("foreign.csv", scan([1, 2])), "source": "foreign"}
    imported = page.request.post("/api/vulnerabilities/import", multipart=form).json()
    page.goto(f"http://localhost:{other_site}/")
    assert page.evaluate(FOLLOW, [server.url + MODULE, imported["sessionId"]]) == "completed"

    page.goto(f"http://127.0.0.1:{other_site}/")
    with pytest.raises(Error, match="Failed to fetch dynamically imported module"):
        page.evaluate(FOLLOW, [server.url + MODULE, "of-nobody"])
