"""The import is followed to its end whatever becomes of the connection or of the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.modal import (
    UNDER_WAY,
    choose,
    figures,
    has_warned,
    held,
    modal,
    part,
    payload,
    reaches,
)
from tests.support.exports import scan

SOCKET = "**/socket.io/**"
#: The packet with which a client of Engine.IO leaves polling for its websocket.
UPGRADE = "5"
ROWS = 30
CONTENT = scan(range(ROWS))


def test_without_a_socket_the_modal_warns_and_polls(page, trouble):
    trouble.expect(r"request: .*/socket\.io/", "ERR_FAILED", "WebSocket")
    page.add_init_script("Math.random = () => 0.8")  # short waits between the attempts to connect
    page.reload()
    page.route(SOCKET, lambda route: route.abort())
    page.route_web_socket(SOCKET, lambda socket: socket.close())
    polls = []
    page.on("request", lambda request: "/api/progress/" in request.url and polls.append(request.url))
    choose(page, payload("polling.csv", CONTENT), source="polling", preview=True)
    reaches(page, "awaiting", timeout=60_000)
    has_warned(page, "Live updates are not available")
    part(page, "confirm").click()
    reaches(page, "completed", timeout=60_000)
    assert figures(page)["inserted"] == ROWS
    assert len(polls) >= 2
    expect(part(page, "warning")).to_be_empty()


def test_a_reload_and_the_back_button_come_back_to_the_running_import(page, server):
    with held(server):
        choose(page, payload("reload.csv", CONTENT), source="reload")
        reaches(page, UNDER_WAY)
        page.reload()
        reaches(page, UNDER_WAY)
        expect(part(page, "filename")).to_have_text("reload.csv")
        left = "(event) => dispatchEvent(new PageTransitionEvent(event, { persisted: true }))"
        page.evaluate(left, "pagehide")
        expect(modal(page)).to_be_hidden()
        page.evaluate(left, "pageshow")
        reaches(page, UNDER_WAY)
    reaches(page, "completed")
    assert figures(page)["inserted"] == ROWS


def test_a_socket_cut_in_mid_import_is_joined_again(page, server):
    sockets = []

    def connect(socket):
        upstream = socket.connect_to_server()

        def passed_on(message):
            if message == UPGRADE:  # from here on the socket is what carries the events
                sockets.append(socket)
            upstream.send(message)

        socket.on_message(passed_on)

    def upgraded(count):
        while len(sockets) < count:
            page.wait_for_timeout(20)

    page.route_web_socket(SOCKET, connect)
    with held(server):
        choose(page, payload("cut.csv", CONTENT), source="cut")
        reaches(page, UNDER_WAY)
        upgraded(1)
        sockets[0].close()
        has_warned(page, "Reconnecting")
        expect(part(page, "warning")).to_be_empty()
        upgraded(2)
    reaches(page, "completed")
    assert figures(page)["inserted"] == ROWS


def test_a_network_that_is_gone_for_a_while_is_survived(page, context, server, trouble):
    trouble.expect("ERR_INTERNET_DISCONNECTED", "WebSocket connection")
    with held(server):
        choose(page, payload("offline.csv", CONTENT), source="offline")
        reaches(page, UNDER_WAY)
        context.set_offline(True)
        expect(part(page, "warning")).not_to_be_empty(timeout=30_000)
        context.set_offline(False)
    reaches(page, "completed", timeout=60_000)
    assert figures(page)["inserted"] == ROWS


#: Playwright cannot send a file on and lose the answer: the page is made to see the answer of a proxy instead.
LOST_ANSWER = """() => {
    const { open } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, url, ...others) {
        if (url.endsWith("/import-staging")) Object.defineProperties(this, { status: { value: 502 }, response: { value: null } });
        return open.call(this, method, url, ...others);
    };
}"""


def test_an_upload_whose_answer_a_proxy_lost_goes_on(page, trouble):
    trouble.expect("answer: GET .*/api/progress/.* 502")
    page.evaluate(LOST_ANSWER)
    page.route("**/api/progress/*", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"), times=2)
    choose(page, payload("answer-lost.csv", CONTENT), source="answer lost")
    reaches(page, "completed")
    assert figures(page)["inserted"] == ROWS


def test_an_upload_that_a_proxy_lost_has_failed(page, trouble):
    trouble.expect("answer: POST .*/import-staging 502", "answer: GET .*/api/progress/.* 404")
    page.route(
        "**/api/vulnerabilities/import-staging", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>")
    )
    choose(page, payload("lost.csv", CONTENT), source="lost")
    reaches(page, "failed")
    expect(part(page, "error")).to_contain_text("The proxy in front of the server cannot reach it")
    page.unroute_all()
    part(page, "retry").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == ROWS
