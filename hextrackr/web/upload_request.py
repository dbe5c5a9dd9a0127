"""The request class, which stores uploaded files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flask import Request, current_app
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from hextrackr.connections import TAKE_TIME
from hextrackr.errors import IncompleteUpload

from .uploads import Body, StoredFile

#: Bytes by which a form may be larger than its file.
FORM_BYTES = 64 * 1024


class _FormParser(FormDataParser):
    """A form parser that reads the stream through ``body_of``."""

    body_of: Callable[[IO[bytes]], IO[bytes]]

    def parse(self, stream: IO[bytes], *args: Any, **options: Any) -> Any:
        return super().parse(self.body_of(stream), *args, **options)


class ImportRequest(Request):
    """Flask's request, except that uploaded files are written to the disk and an incomplete body is an error."""

    form_data_parser_class = _FormParser

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._body: Body | None = None
        self.stored: list[StoredFile] = []

    def accept_upload(self, field: str = "csvFile", limit: int | None = None) -> StoredFile | None:
        """Read the form, and return the file in this field; other files are discarded.

        :param limit: the maximum size of the file in bytes, by default ``UPLOAD_MAX_BYTES``.
        :raises IncompleteUpload: the body is shorter than its Content-Length.
        :raises werkzeug.exceptions.RequestEntityTooLarge: the file is larger than the limit.
        """
        take_time = self.environ.get(TAKE_TIME)
        if take_time is not None:
            take_time()  # Body has its own time limit
        limit = current_app.config["UPLOAD_MAX_BYTES"] if limit is None else limit
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

    def make_form_data_parser(self) -> FormDataParser:
        """Make a parser that stores files and counts the bytes of the body."""
        parser = super().make_form_data_parser()
        assert isinstance(parser, _FormParser)
        parser.stream_factory, parser.body_of = self._store, self._counted
        return parser

    def _store(self, *_sizes: Any, **_options: Any) -> IO[bytes]:
        stored = StoredFile(Path(current_app.config["INSTANCE_PATH"], "uploads"))
        self.stored.append(stored)
        return stored  # type: ignore[return-value]

    def _counted(self, stream: IO[bytes]) -> IO[bytes]:
        self._body = Body(stream, self.environ.get("gunicorn.socket"))
        return self._body  # type: ignore[return-value]

    def close(self) -> None:
        """Remove the files that were not kept; called at the end of every request, also after an error."""
        super().close()
        for stored in self.stored:
            stored.discard()
