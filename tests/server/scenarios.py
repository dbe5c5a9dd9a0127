"""What the protocols ask of a server: scenarios after the documents of Engine.IO (version 4) and Socket.IO (version 5).

Each is a function of the server's ``host:port`` that raises where the server does not do as it should. They follow the cases of the
official test suites, whose server has a heartbeat of 300 ms where ours has whole seconds.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable

import websocket

PATIENCE = 4.0
SCENARIOS: dict[str, Callable[[str], None]] = {}
_OPEN: list[websocket.WebSocket] = []
KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


def scenario(function: Callable[[str], None]) -> Callable[[str], None]:
    """Take a function into the list."""
    SCENARIOS[function.__name__] = function
    return function


def play(name: str, server: str) -> None:
    """Run one scenario, and close what it has opened."""
    try:
        SCENARIOS[name](server)
    finally:
        while _OPEN:
            _OPEN.pop().shutdown()


def ask(
    server: str, query: str, method: str = "GET", body: str | None = None, path: str = "engine.io"
) -> tuple[int, str]:
    """One HTTP request: status and body."""
    connection = http.client.HTTPConnection(server, timeout=PATIENCE)
    try:
        connection.request(method, f"/{path}/?{query}", body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def polling(server: str, path: str = "engine.io") -> str:
    """Open a session by polling and return the query of its requests."""
    status, text = ask(server, "EIO=4&transport=polling", path=path)
    assert status == 200
    return f"EIO=4&transport=polling&sid={json.loads(text[1:])['sid']}"


def connect(server: str, path: str = "engine.io", query: str = "EIO=4&transport=websocket") -> websocket.WebSocket:
    """Open a websocket; what it receives first is Engine.IO's."""
    _OPEN.append(websocket.create_connection(f"ws://{server}/{path}/?{query}", timeout=PATIENCE))
    return _OPEN[-1]


def opened(server: str, path: str = "engine.io") -> websocket.WebSocket:
    """A websocket behind the opening packet."""
    socket = connect(server, path)
    assert socket.recv()[0] == "0"
    return socket


def joined(server: str) -> websocket.WebSocket:
    """A websocket in the main namespace."""
    socket = opened(server, "socket.io")
    socket.send("40")
    assert socket.recv().startswith("40{")
    assert received(socket).startswith('42["auth"')
    return socket


def received(socket: websocket.WebSocket) -> str | bytes:
    """The next message that is no heartbeat."""
    while (message := socket.recv()) == "2":
        socket.send("3")
    return message


def must_close(socket: websocket.WebSocket) -> None:
    """Wait until the server closes."""
    try:
        while socket.recv():
            pass
    except websocket.WebSocketTimeoutException:
        raise AssertionError("the connection stays open") from None
    except (websocket.WebSocketException, OSError):
        pass


def must_not_open(server: str, query: str) -> None:
    try:
        connect(server, query=query).recv()
    except (websocket.WebSocketException, OSError):
        return
    raise AssertionError("the connection was opened")


def refused(server: str, query: str, method: str = "GET") -> None:
    assert ask(server, query, method)[0] == 400


@scenario
def polling_opens_a_session(server: str) -> None:
    status, text = ask(server, "EIO=4&transport=polling")
    assert status == 200 and text[0] == "0"
    opening = json.loads(text[1:])
    assert set(opening) == KEYS and opening["upgrades"] == ["websocket"]


@scenario
def polling_needs_the_version(server: str) -> None:
    refused(server, "transport=polling")
    refused(server, "EIO=abc&transport=polling")


@scenario
def polling_needs_the_transport(server: str) -> None:
    refused(server, "EIO=4")
    refused(server, "EIO=4&transport=abc")


@scenario
def polling_needs_the_method(server: str) -> None:
    refused(server, "EIO=4&transport=polling", "POST")
    refused(server, "EIO=4&transport=polling", "PUT")


@scenario
def websocket_opens_a_session(server: str) -> None:
    socket = connect(server)
    opening = json.loads(socket.recv()[1:])
    assert set(opening) == KEYS and opening["upgrades"] == []
    socket.close()


@scenario
def websocket_needs_the_version(server: str) -> None:
    must_not_open(server, "transport=websocket")
    must_not_open(server, "EIO=abc&transport=websocket")


@scenario
def websocket_needs_the_transport(server: str) -> None:
    must_not_open(server, "EIO=4")
    must_not_open(server, "EIO=4&transport=abc")


def echoes_by_polling(server: str, body: str) -> None:
    session = polling(server)
    assert ask(server, session, "POST", body) == (200, "ok")
    assert ask(server, session) == (200, body)


@scenario
def polling_carries_a_packet(server: str) -> None:
    echoes_by_polling(server, "4hello")


@scenario
def polling_carries_packets(server: str) -> None:
    echoes_by_polling(server, "4test1\x1e4test2\x1e4test3")


@scenario
def polling_carries_binary(server: str) -> None:
    echoes_by_polling(server, "4hello\x1ebAQIDBA==")


@scenario
def polling_ends_by_an_invalid_packet(server: str) -> None:
    session = polling(server)
    assert ask(server, session, "POST", "abc")[0] == 400
    refused(server, session)


@scenario
def polling_ends_by_a_second_poll(server: str) -> None:
    session = polling(server)
    answers: list[tuple[int, str]] = []
    first = threading.Thread(target=lambda: answers.append(ask(server, session)))
    first.start()
    time.sleep(0.1)
    assert ask(server, session)[0] in (400, 500)
    first.join()
    assert answers == [(200, "1")]
    refused(server, session)


@scenario
def polling_ends_by_a_cancelled_poll(server: str) -> None:
    session = polling(server)
    connection = http.client.HTTPConnection(server, timeout=PATIENCE)
    connection.request("GET", f"/engine.io/?{session}")
    time.sleep(0.1)
    connection.close()
    refused(server, session)


@scenario
def websocket_carries_text(server: str) -> None:
    socket = opened(server)
    socket.send("4hello")
    assert received(socket) == "4hello"
    socket.close()


@scenario
def websocket_carries_binary(server: str) -> None:
    socket = opened(server)
    socket.send_binary(b"\x01\x02\x03\x04")
    assert received(socket) == b"\x01\x02\x03\x04"
    socket.close()


@scenario
def websocket_ends_by_an_invalid_packet(server: str) -> None:
    socket = opened(server)
    socket.send("abc")
    must_close(socket)


@scenario
def polling_has_a_heartbeat(server: str) -> None:
    session = polling(server)
    for _ in range(2):
        assert ask(server, session) == (200, "2")
        assert ask(server, session, "POST", "3")[0] == 200


@scenario
def polling_ends_without_a_heartbeat(server: str) -> None:
    session = polling(server)
    time.sleep(2.5)  # the interval, the time for an answer, and a little more
    refused(server, session)


@scenario
def websocket_has_a_heartbeat(server: str) -> None:
    socket = opened(server)
    for _ in range(2):
        assert socket.recv() == "2"
        socket.send("3")
    socket.close()


@scenario
def websocket_ends_without_a_heartbeat(server: str) -> None:
    must_close(connect(server))


@scenario
def polling_can_be_closed(server: str) -> None:
    session = polling(server)
    answers: list[tuple[int, str]] = []
    poll = threading.Thread(target=lambda: answers.append(ask(server, session)))
    poll.start()
    time.sleep(0.1)
    ask(server, session, "POST", "1")
    poll.join()
    assert answers == [(200, "6")]
    refused(server, session)


@scenario
def websocket_can_be_closed(server: str) -> None:
    socket = opened(server)
    socket.send("1")
    must_close(socket)


def probed(server: str) -> tuple[str, websocket.WebSocket]:
    session = polling(server)
    socket = connect(server, query=session.replace("polling", "websocket"))
    socket.send("2probe")
    assert socket.recv() == "3probe"
    return session, socket


@scenario
def a_session_is_upgraded(server: str) -> None:
    session, socket = probed(server)
    assert ask(server, session) == (200, "6")
    socket.send("5")
    socket.send("4hello")
    assert received(socket) == "4hello"


@scenario
def an_upgraded_session_polls_no_more(server: str) -> None:
    session, socket = probed(server)
    socket.send("5")
    time.sleep(0.1)
    refused(server, session)
    socket.send("4hello")
    assert "4hello" in (socket.recv(), socket.recv())


@scenario
def an_upgraded_session_is_upgraded_once(server: str) -> None:
    session, socket = probed(server)
    socket.send("5")
    time.sleep(0.1)
    must_close(connect(server, query=session.replace("polling", "websocket")))
    socket.send("4hello")
    assert "4hello" in (socket.recv(), socket.recv())


def answers(server: str, message: str, *expected: str) -> None:
    socket = opened(server, "socket.io")
    socket.send(message)
    for start in expected:
        assert str(received(socket)).startswith(start)
    socket.close()


@scenario
def the_main_namespace_is_joined(server: str) -> None:
    answers(server, "40", '40{"sid":"', '42["auth",{}]')


@scenario
def the_main_namespace_is_joined_with_a_payload(server: str) -> None:
    answers(server, '40{"token":"123"}', '40{"sid":"', '42["auth",{"token":"123"}]')


@scenario
def a_namespace_is_joined(server: str) -> None:
    answers(server, "40/custom,", '40/custom,{"sid":"', '42/custom,["auth",{}]')


@scenario
def a_namespace_is_joined_with_a_payload(server: str) -> None:
    answers(server, '40/custom,{"token":"abc"}', '40/custom,{"sid":"', '42/custom,["auth",{"token":"abc"}]')


@scenario
def an_unknown_namespace_is_refused(server: str) -> None:
    answers(server, "40/random", '44/random,{"message":"Invalid namespace"}')


@scenario
def an_invalid_connect_ends_the_connection(server: str) -> None:
    socket = opened(server, "socket.io")
    socket.send("4abc")
    must_close(socket)


@scenario
def a_connect_that_never_comes_ends_the_connection(server: str) -> None:
    socket = opened(server, "socket.io")
    end = time.monotonic() + 12
    try:
        while time.monotonic() < end:
            if socket.recv() == "2":
                socket.send("3")
    except websocket.WebSocketTimeoutException:
        raise AssertionError("the connection stays open") from None
    except (websocket.WebSocketException, OSError):
        return
    raise AssertionError("the connection stays open")


@scenario
def the_main_namespace_is_left(server: str) -> None:
    socket = joined(server)
    socket.send("41")
    socket.send('42["message",1]')
    assert socket.recv() == "2"


@scenario
def a_namespace_is_left_and_the_main_one_stays(server: str) -> None:
    socket = joined(server)
    socket.send("40/custom")
    assert str(received(socket)).startswith("40/custom,{")
    assert str(received(socket)).startswith("42/custom,")
    socket.send("41/custom")
    socket.send('42["message","still here"]')
    assert received(socket) == '42["message-back","still here"]'


@scenario
def an_event_is_carried(server: str) -> None:
    socket = joined(server)
    socket.send('42["message",1,"2",{"3":[true]}]')
    assert received(socket) == '42["message-back",1,"2",{"3":[true]}]'


@scenario
def an_event_with_attachments_is_carried(server: str) -> None:
    socket = joined(server)
    socket.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    socket.send_binary(b"\x01\x02\x03")
    socket.send_binary(b"\x04\x05\x06")
    assert str(received(socket)).startswith('452-["message-back",{"_placeholder":true,"num":0}')
    assert (received(socket), received(socket)) == (b"\x01\x02\x03", b"\x04\x05\x06")


@scenario
def an_event_is_acknowledged(server: str) -> None:
    socket = joined(server)
    socket.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert received(socket) == '43456[1,"2",{"3":[false]}]'


@scenario
def an_event_with_attachments_is_acknowledged(server: str) -> None:
    socket = joined(server)
    socket.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    socket.send_binary(b"\x01\x02\x03")
    socket.send_binary(b"\x04\x05\x06")
    assert str(received(socket)).startswith('462-789[{"_placeholder":true,"num":0}')
    assert (received(socket), received(socket)) == (b"\x01\x02\x03", b"\x04\x05\x06")


@scenario
def an_invalid_event_ends_the_connection(server: str) -> None:
    socket = joined(server)
    for _ in range(3):
        socket.send("4abc")
    must_close(socket)
