"""From what the library returns or raises to the bytes of a response."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from ap_remote_emulator.errors import (
    DuplicateContentError,
    LocalIdTakenError,
    NameTakenError,
    PagingError,
    ServiceError,
)

log: Final = logging.getLogger(__name__)
_JSON: Final = "application/json"
NO_AUTH: Final = "No Auth Method Provided"
TOKEN_EXPIRED: Final = "Token has expired"  # noqa: S105 - a sentence, no secret
UNKNOWN_OPERATION: Final = "<UnknownOperationException/>"


def json_response(body: Any, status: int = 200) -> Response:
    """Return *body* as JSON."""
    return Response(msgspec.json.encode(body), status, media_type=_JSON)


def refusal(error: ServiceError, *, upload_service: bool = False) -> Response:
    """Return the body that the real service gives for an error.

    Shape B everywhere, but C (a bare message) for paging, and D for the conflicts of ``v2/upload``.
    """
    if isinstance(error, PagingError):
        return json_response({"message": error.message}, error.status)
    if upload_service and isinstance(error, NameTakenError | DuplicateContentError | LocalIdTakenError):
        body: Mapping[str, Any] = {
            "message": error.message,
            "errorCode": error.code,
            "timeStamp": 0,
            "requestId": str(uuid.uuid4()),
            "errorDetails": {"conflictNodeIds": [error.node_id]},
        }
        return json_response(body, error.status)
    return shape_b(error.message, error.code, error.status, error.info)


def shape_b(message: str, code: str, status: int, info: Mapping[str, object] | None = None) -> Response:
    """Return an error of the classic drive service."""
    body: dict[str, Any] = {"logref": str(uuid.uuid4()), "message": message, "code": code}
    if info:
        body["info"] = info
    return json_response(body, status)


def failure(error: Exception, *, upload_service: bool = False) -> Response:
    """Return the response for whatever an endpoint raised; what nobody expected is logged and becomes a 500."""
    if isinstance(error, ServiceError):
        return refusal(error, upload_service=upload_service)
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    ):
        return shape_b("System unavailable. Please back off for a while and try again later", "", 503)
    reference = secrets.token_hex(4)
    log.error("internal failure %s", reference, exc_info=error)
    return json_response({"message": f"Internal failure {reference}"}, 500)


def unknown_operation() -> Response:
    """Return the answer to a path that is no endpoint: not JSON, as the real one."""
    return Response(UNKNOWN_OPERATION, 404, media_type="application/xml")


def storage_error(code: str, message: str, status: int) -> Response:
    """Return an error in the words of the storage behind signed URLs."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(text, status, media_type="application/xml")
