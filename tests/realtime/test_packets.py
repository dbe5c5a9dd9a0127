"""Which packets of a client are dispatched."""

from __future__ import annotations

import pytest

from hextrackr.realtime.client_limits import CheckedPacket, MalformedPacket, check_frame


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ("0", 0, None),
        ('0{"token":"x"}', 0, {"token": "x"}),
        ("1", 1, None),
        ('2["ping"]', 2, ["ping"]),
        ('2["join-progress","a"]', 2, ["join-progress", "a"]),
        ('27["join-progress",{"a":[1,null]}]', 2, ["join-progress", {"a": [1, None]}]),
        ('2/other,["ping"]', 2, ["ping"]),
        ('2["message","text"]', 2, ["message", "text"]),
    ],
)
def test_what_clients_send_is_decoded(text, kind, data):
    packet = CheckedPacket(encoded_packet=text)
    assert (packet.packet_type, packet.data) == (kind, data)


@pytest.mark.parametrize(
    "message",
    [
        "", "x", "9", "2", "2[]", "2{}", "2[1]", "2[null]", '2[["ping"]]', '2["ping"', "2[" * 4000, '2"ping"',
        "3[]", "31[1]", '4{"message":"no"}', '59-["ping",{"_placeholder":true,"num":0}]', '5["ping"]', "51-[]", "61-1[]",
        '21-["ping"]', '299999999999-["ping"]', "2" + "1" * 200 + '["ping"]',
        '2["connect"]', '2["disconnect"]', '2["connect_error"]', '2["disconnecting","x"]',
        b"2", b"", None, 2, ["ping"], {"a": 1}, True,
    ],
)  # fmt: skip
def test_everything_else_is_malformed(message):
    with pytest.raises(MalformedPacket):
        CheckedPacket().decode(message)


@pytest.mark.parametrize("number", ["1", "-2", '"a"', "0.5", "null", "[]", "99999999999999999999"])
def test_an_event_gets_no_attachment_that_it_does_not_have(number):
    packet = CheckedPacket(encoded_packet=f'51-["ping",{{"_placeholder":true,"num":{number}}}]')
    with pytest.raises(MalformedPacket):
        packet.add_attachment(b"x")


def test_our_own_packets_are_encoded_as_ever():
    assert CheckedPacket(2, data=["progress-update", {"progress": 1}]).encode() == '2["progress-update",{"progress":1}]'


@pytest.mark.parametrize("message", ["0", "1", "2probe", "3", "40", "5", "6", '42["ping"]', b"binary"])
def test_frames_of_engine_io(message):
    check_frame(message)


@pytest.mark.parametrize("message", ["", "7", "x", "b4AAAA", " 4", "\0", "\u0664", b""])
def test_frames_that_are_not(message):
    with pytest.raises(MalformedPacket):
        check_frame(message)
