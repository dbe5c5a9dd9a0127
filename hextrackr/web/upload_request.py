"""Requests that carry a file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from flask import Request, current_app
from werkzeug.exceptions import RequestEntityTooLarge

from hextrackr.connections import TAKE_TIME
from hextrackr.errors import IncompleteUpload

from .uploads import Body, StoredFile

#: What a form may be larger than its file, in bytes.
FORM_BYTES = 64 * 1024


class ImportRequest(Request):
    """Flask's request, but files are stored and a body that ends early is noticed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._body: Body | None = None
        self.stored: list[StoredFile] = []

    def accept_upload(self, field: str = "csvFile") -> StoredFile | None:
        """Read the form with its files and return the one of this field; all others are discarded.

        :raises IncompleteUpload: the body ended before the length it had announced.
        :raises werkzeug.exceptions.RequestEntityTooLarge: the body is larger than the setting allows.
        """
        take_time = self.environ.get(TAKE_TIME)
        if take_time is not None:
            take_time()  # the body bounds itself
        limit = current_app.config["UPLOAD_MAX_BYTES"]
        self.max_content_length = limit + FORM_BYTES
        upload = self.files.get(field)
        if self._body is not None and self.content_length is not None and self._body.received < self.content_length:
            raise IncompleteUpload
        if upload is None or not upload.filename:
            return None
        stored = upload.stream
        assert isinstance(stored, StoredFile)
        if stored.size > limit:
            raise RequestEntityTooLarge
        return stored

    def _get_file_stream(self, *_sizes: Any, **_options: Any) -> IO[bytes]:
        stored = StoredFile(Path(current_app.config["INSTANCE_PATH"], "uploads"))
        self.stored.append(stored)
        return stored  # type: ignore[return-value]

    def _get_stream_for_parsing(self) -> IO[bytes]:
        self._body = Body(super()._get_stream_for_parsing(), self.environ.get("gunicorn.socket"))
        return self._body  # type: ignore[return-value]

    def close(self) -> None:
        """Remove every stored file that nobody kept; called at the end of the request, however it ended."""
        super().close()
        for stored in self.stored:
            stored.discard()
