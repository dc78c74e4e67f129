"""The content host's door for programs: uploads as a form, and overwriting.

A form comes in with its metadata first, so that a refusal is known before the content; the content goes to a file as it
arrives. Whether a program calls itself by ``Authorization: Bearer`` or another credential makes no difference here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio.to_thread
import msgspec
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, LengthRequiredError
from ap_remote_emulator.handlers.answers import failure
from ap_remote_emulator.handlers.endpoint import store_of
from ap_remote_emulator.handlers.uploading import PIECE, chunks, drain, overwrite, read_body, receive, upload_raw
from ap_remote_emulator.library import Store, uploads
from ap_remote_emulator.library.wishes import Wish

MAX_METADATA: Final = 1 << 20
"""Bytes of a form's metadata (own choice)."""
_FORM: Final = b"multipart/form-data"
_BROKEN: Final = "Cannot read from request."


def routes() -> list[Route]:
    """Return the routes of ``cdproxy/nodes`` that take bytes."""
    return [
        Route("/cdproxy/nodes", upload, methods=["POST"]),
        Route("/cdproxy/v1/nodes", upload, methods=["POST"]),
        Route("/cdproxy/nodes/{id}/content", overwrite_content, methods=["PUT"]),
    ]


async def upload(request: Request) -> Response:
    """``POST /cdproxy/nodes``: a form is variant C, any other body is variant A."""
    boundary = _boundary(request)
    return await upload_raw(request) if boundary is None else await _upload_form(request, boundary)


async def overwrite_content(request: Request) -> Response:
    """``PUT /cdproxy/nodes/{id}/content``: a form with only ``content``, or the bytes themselves (own choice)."""
    boundary = _boundary(request)
    if not _has_length(request):
        await drain(request)
        return failure(LengthRequiredError())

    async def read(request: Request, upload: Upload) -> None:
        if boundary is None:
            await read_body(request, upload)
        else:
            await _Form(boundary).read(request, upload)
        _refuse_silence(request, upload)

    return await overwrite(request, read, upload_service=False)


async def _upload_form(request: Request, boundary: bytes) -> Response:
    if not _has_length(request):
        await drain(request)
        return failure(LengthRequiredError())
    form = _UploadForm(boundary, request.query_params)

    async def read(request: Request, upload: Upload) -> None:
        await form.read(request, upload)
        _refuse_silence(request, upload)

    def commit(store: Store, upload: Upload) -> Any:
        return uploads.commit(store, upload, form.wish)

    return await receive(request, read, commit, status=201, upload_service=False)


def _has_length(request: Request) -> bool:
    """Whether a body says where it ends: by its length, or by being sent in chunks."""
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _refuse_silence(request: Request, upload: Upload) -> None:
    """Refuse an empty content in a body without a length.

    Programs that send chunks do upload (9.4), but refuse empty files beforehand, while those that tell a length create
    them: so it is here that the missing length is answered with 411 (inferred).
    """
    if upload.size == 0 and "content-length" not in request.headers:
        raise LengthRequiredError


def _boundary(request: Request) -> bytes | None:
    """Return the boundary of a form, ``b""`` when a form does not tell it, ``None`` when the body is no form."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    return options.get(b"boundary", b"") if kind == _FORM else None


class _Form:
    """A form on its way in, whose part ``content`` goes to a file. Its file name is ignored."""

    def __init__(self, boundary: bytes) -> None:
        self._content = bytearray()
        self._name = b""
        self._names: list[bytes] = []
        self._header = bytearray()
        self._value = bytearray()
        self._ended = False
        self._boundary = boundary

    async def read(self, request: Request, upload: Upload) -> None:
        """Take the content out of a body.

        Raises:
            BadRequestError: the body is not such a form, or ends before the form does.
            ClientDisconnect: it broke off.
            StoreFullError: no room is left.
        """
        parser = self._parser()
        async for chunk in chunks(request):
            try:
                parser.write(chunk)
            except FormParserError:
                raise BadRequestError(_BROKEN) from None
            await self.look(request)
            if len(self._content) >= PIECE:
                await self._flush(upload)
        if not self._ended:
            raise BadRequestError(_BROKEN)
        if b"content" not in self._names:
            raise BadRequestError("A part named content is needed")
        await self._flush(upload)

    async def look(self, request: Request) -> None:
        """Look at what has arrived of the parts before the content."""

    async def _flush(self, upload: Upload) -> None:
        if self._content:
            await anyio.to_thread.run_sync(upload.write, bytes(self._content))
            self._content.clear()

    def _parser(self) -> MultipartParser:
        if not self._boundary:
            raise BadRequestError("A form tells its boundary")
        try:
            return MultipartParser(
                self._boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._add_header,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open,
                    "on_part_data": self._add,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise BadRequestError(_BROKEN) from None

    def _begin(self) -> None:
        self._name = b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value.decode("latin-1"))
            self._name = options.get(b"name", b"")
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        if self._name in self._names:
            raise BadRequestError("A form has each part once")
        self._names.append(self._name)
        self.opened(self._name, first=len(self._names) == 1)

    def opened(self, name: bytes, *, first: bool) -> None:
        """A part begins."""

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._name == b"content":
            self._content += data[start:end]
        else:
            self.add(self._name, data[start:end])

    def add(self, name: bytes, data: bytes) -> None:
        """Bytes of a part other than the content; nobody needs them here."""

    def _end(self) -> None:
        self._ended = True


class _UploadForm(_Form):
    """A form with metadata before its content.

    Attributes:
        wish: what the metadata says; only there once the form was read.
    """

    wish: Wish

    def __init__(self, boundary: bytes, query: Mapping[str, str]) -> None:
        super().__init__(boundary)
        self._metadata = bytearray()
        self._query = query
        self._known = False

    def opened(self, name: bytes, *, first: bool) -> None:
        if first and name != b"metadata":
            raise BadRequestError("The part metadata comes first")

    def add(self, name: bytes, data: bytes) -> None:
        if name == b"metadata":
            self._metadata += data
            if len(self._metadata) > MAX_METADATA:
                raise BadRequestError("The metadata are too long")

    async def look(self, request: Request) -> None:
        if not self._known and b"content" in self._names:
            self._known = True
            self.wish = Wish.read_form(self._fields(), self._query)
            await anyio.to_thread.run_sync(uploads.precheck, store_of(request), self.wish)

    def _fields(self) -> dict[str, Any]:
        try:
            fields = msgspec.json.decode(bytes(self._metadata))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequestError("The metadata are not JSON") from None
        if not isinstance(fields, dict):
            raise BadRequestError("The metadata are not a JSON object")
        return fields
