"""What a worker logs of its broker."""

from __future__ import annotations

import logging

import pytest
from kombu.message import Message
from redis.exceptions import TimeoutError as RedisTimeout

from hextrackr.jobs import celery_worker


@pytest.fixture
def log(caplog):
    """The log of Celery's requests, as a worker has it."""
    logger = logging.getLogger(celery_worker.ACKNOWLEDGING)
    logger.addFilter(celery_worker.soften_acknowledgement_errors)
    yield logger
    logger.removeFilter(celery_worker.soften_acknowledgement_errors)


class Unheard(Message):
    """A task whose end Redis does not hear of."""

    def ack(self, multiple=False):
        raise RedisTimeout("Timeout reading from socket")

    def reject(self, requeue=False):
        raise RedisTimeout("Timeout reading from socket")


@pytest.mark.parametrize("end", ["ack_log_error", "reject_log_error"])
def test_a_task_that_cannot_be_acknowledged_is_one_plain_warning(log, caplog, end):
    getattr(Unheard(), end)(log, (RedisTimeout,))
    (record,) = caplog.records
    assert (record.levelname, record.exc_info, record.exc_text) == ("WARNING", None, None)
    assert record.getMessage().startswith("A task could not be acknowledged")
    assert "Traceback" not in caplog.text


def test_the_rest_of_the_log_stays_as_it_is(log, caplog):
    log.error("something else", exc_info=ValueError("?"))
    (record,) = caplog.records
    assert record.getMessage() == "something else" and record.exc_info is not None
