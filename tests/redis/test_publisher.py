"""What is taken to Redis, and what is kept for later."""

from __future__ import annotations

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.system

CHANNEL = "test"


@pytest.fixture
def heard(redis):
    """Subscribes and returns what it has heard by now."""
    channel = redis.client.pubsub(ignore_subscribe_messages=True)
    messages = []

    def subscribe():
        channel.subscribe(CHANNEL)
        until(lambda: redis.client.pubsub_numsub(CHANNEL)[0][1] == 1)
        return hear

    def hear():
        while message := channel.get_message(timeout=0.05):
            if message["type"] == "message":
                messages.append(message["data"].decode())
        return messages

    yield subscribe
    channel.close()


def publish(publisher, *messages, subject="s", required=False):
    for message in messages:
        publisher.publish(subject, CHANNEL, message, required=required)


@pytest.mark.parametrize("required", [lambda number: True, lambda number: False, lambda number: number % 3 == 0])
def test_messages_arrive_all_and_in_order(process, heard, required):
    hear, publisher = heard(), process().publisher
    for number in range(20):
        publish(publisher, str(number), required=required(number))
    until(lambda: len(hear()) == 20)
    assert hear() == [str(number) for number in range(20)]


def test_the_state_of_a_subject_is_stored_as_it_is_when_it_is_sent(process, redis):
    publisher = process().publisher
    publisher.store("s", lambda: ("key", b"value", 60_000))
    until(lambda: redis.client.get("key") == b"value")


@pytest.mark.parametrize("trouble", ["kill", "hang"])
def test_what_could_not_be_sent_is_sent_later_the_newest_of_each_and_all_that_is_required(
    process, redis, heard, trouble
):
    publisher = process().publisher
    publisher.answers()
    # What subscribes to a server that has just come back may come after the messages.
    hear = heard() if trouble == "hang" else None
    getattr(redis, trouble)()
    assert not publisher.answers()
    publish(publisher, "old", "new", subject="running")
    publish(publisher, "before the end", subject="ended")
    publish(publisher, "end", "more", subject="ended", required=True)
    publisher.store("running", lambda: ("key", b"newest", 60_000))
    if trouble == "kill":
        redis.start()
    else:
        redis.go_on()
    until(publisher.answers)
    if hear is None:
        until(lambda: redis.client.get("key") == b"newest")
        return
    until(lambda: len(hear()) >= 3)
    assert sorted(hear()) == ["end", "more", "new"]
    assert hear().index("end") < hear().index("more")


def test_an_end_replaces_the_update_that_waits_before_it(process, redis, heard):
    publisher, hear = process().publisher, heard()
    assert publisher.answers()
    redis.hang()
    publish(publisher, "first")  # is under way when the others come
    until(lambda: not publisher._breaker.closed)
    publish(publisher, "update")
    publish(publisher, "end", required=True)
    redis.go_on()
    until(lambda: "end" in hear())
    assert "update" not in hear()


def test_a_flush_waits_for_what_is_to_be_sent(process, redis):
    publisher = process().publisher
    publisher.store("s", lambda: ("key", b"value", 60_000))
    publisher.flush(30)
    assert redis.client.get("key") == b"value"


def test_a_flush_does_not_wait_for_a_redis_that_is_gone(process, redis):
    publisher = process().publisher
    redis.kill()
    publisher.store("s", lambda: ("key", b"value", 60_000))
    publisher.flush(30)
    assert not publisher._breaker.closed
