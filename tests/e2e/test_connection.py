"""The import is followed to its end whatever becomes of the connection or of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from benchmarks.server import Server, running
from tests.e2e.modal import MANY, choose, figures, part, reaches, reaches_percent, shown_while


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


SOCKET = "**/socket.io/**"


def test_without_a_socket_the_modal_warns_and_polls(page, generated, trouble):
    trouble.expect(r"request: .*/socket\.io/", "ERR_FAILED", "WebSocket")
    page.add_init_script("Math.random = () => 0")  # the shortest of the waits between two attempts to connect
    page.reload()
    page.route(SOCKET, lambda route: route.abort())
    page.route_web_socket(SOCKET, lambda socket: socket.close())
    polls = []
    page.on("request", lambda request: "/api/progress/" in request.url and polls.append(request.url))
    choose(page, generated(2 * MANY), source="polling")
    reaches(page, "running")
    expect(part(page, "warning")).to_contain_text("Live updates are not available")
    reaches(page, "completed", timeout=60_000)
    assert figures(page)["inserted"] == 2 * MANY
    assert len(polls) >= 2
    expect(part(page, "warning")).to_be_empty()


def test_a_reload_comes_back_to_the_running_import(page, many):
    choose(page, many, source="reload")
    reaches_percent(page, 10)
    page.reload()
    reaches_percent(page, 10)
    expect(part(page, "filename")).to_have_text(many.name)
    reaches(page, "completed")
    assert figures(page)["inserted"] == MANY
    percentages = shown_while(page, "running")
    assert percentages == sorted(percentages)


def test_a_socket_cut_in_mid_import_is_joined_again(page, many):
    sockets = []

    def connect(socket):
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(SOCKET, connect)
    choose(page, many, source="cut")
    reaches_percent(page, 10)
    before = len(sockets)
    assert before >= 1
    for socket in sockets:
        socket.close()
    expect(part(page, "warning")).to_contain_text("Reconnecting")
    expect(part(page, "warning")).to_be_empty()
    reaches(page, "completed")
    assert figures(page)["inserted"] == MANY
    assert len(sockets) > before
    percentages = shown_while(page, "running")
    assert percentages == sorted(percentages)


def test_a_network_that_is_gone_for_a_while_is_survived(page, context, generated, trouble):
    trouble.expect("ERR_INTERNET_DISCONNECTED", "WebSocket connection")
    choose(page, generated(2 * MANY), source="offline")
    reaches_percent(page, 10)
    context.set_offline(True)
    expect(part(page, "warning")).not_to_be_empty(timeout=30_000)
    context.set_offline(False)
    reaches(page, "completed", timeout=60_000)
    assert figures(page)["inserted"] == 2 * MANY
