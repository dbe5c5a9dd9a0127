"""Parse and validate the form fields of an upload."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from pathlib import PureWindowsPath
from typing import Any

from werkzeug.datastructures import MultiDict

from hextrackr.domain.models import ImportMode
from hextrackr.errors import RequestError
from hextrackr.escaping import remove_invisible
from hextrackr.jobs import answers
from hextrackr.jobs.answers import Answer
from hextrackr.progress import protocol

_FIRST_DAY = date(1990, 1, 1)
_MAX_LABEL = 100
_MAX_FILENAME = 255
_MAX_DIGITS = 18


def parse(form: MultiDict[str, str], filename: str) -> dict[str, Any]:
    """Parse the fields of an import, and return them as columns of its row.

    :raises RequestError: a field is invalid; the message names it.
    """
    session_id = form.get("sessionId", "").strip()
    return {
        "session_id": protocol.session_id(session_id) if session_id else str(uuid.uuid4()),
        "filename": shown_filename(filename),
        "vendor": _label(form, "vendor"),
        "source_label": _label(form, "source"),
        "scan_date": _day(form.get("scanDate", "").strip()),
        "mode": _mode(form.get("mode", "").strip()),
        "confirmed": _flag(form, "confirm"),
        "preview": _flag(form, "preview"),
        "date_order": _date_order(form.get("dateOrder", "").strip()),
    }


def first_part(form: MultiDict[str, str], received: int) -> tuple[str, str, int]:
    """Parse the fields of a recognition, and return the file name, the label of the source and the size of the whole file.

    :param received: the number of bytes that were uploaded.
    :raises RequestError: a field is invalid; the message names it.
    """
    text = form.get("size", "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS or int(text) < received:
        raise RequestError("size must be the number of bytes of the whole file.")
    return shown_filename(form.get("filename", "")), _label(form, "source"), int(text)


def answer(body: bytes, payload: Any) -> Answer:
    """Parse the answer to an import's question.

    :param payload: the body as JSON; None if it is not JSON.
    :raises RequestError: the answer is invalid; the message says why.
    """
    if not body:
        return answers.YES
    if not isinstance(payload, dict):
        raise RequestError("The body must be a JSON object, or empty to confirm.")
    return answers.parse(payload)


def shown_filename(filename: str) -> str:
    """Return the last part of the file name that the client sent, to be shown to users; it is never used as a path."""
    name = remove_invisible(PureWindowsPath(filename.replace("\0", "")).name)[-_MAX_FILENAME:]
    return name if name.strip(". ") else "upload.csv"


def _label(form: MultiDict[str, str], name: str) -> str:
    value = " ".join(form.get(name, "").split())
    if len(value) > _MAX_LABEL:
        raise RequestError(f"{name} may have at most {_MAX_LABEL} characters.")
    if value != remove_invisible(value):
        raise RequestError(f"{name} must not contain control characters or characters that change the text direction.")
    return value


def _date_order(text: str) -> str | None:
    if text not in ("", "day-first", "month-first"):
        raise RequestError("dateOrder must be day-first or month-first.")
    return text or None


def _flag(form: MultiDict[str, str], name: str) -> bool:
    return form.get(name, "").strip().lower() == "true"


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RequestError("scanDate must be a date such as 2026-08-20.") from None
    if not _FIRST_DAY <= day <= date.today() + timedelta(days=1):
        raise RequestError("scanDate must be between 1990-01-01 and today.")
    return day


def _mode(text: str) -> ImportMode:
    try:
        return ImportMode(text or ImportMode.FULL)
    except ValueError:
        raise RequestError(f"mode must be one of {', '.join(ImportMode)}.") from None
