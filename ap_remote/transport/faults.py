"""From a status and a body, or a broken connection, to an error of ours. The one place that knows both.

A failure also says whether the attempt may be repeated; see :mod:`ap_remote.transport.retry`.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    AuthenticationError,
    DuplicateContentError,
    IncompleteListingError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailedError,
    ProtocolError,
    QuerySyntaxError,
    QuotaExceededError,
    RateLimitedError,
    RemoteError,
    ServiceFullError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.transport.retry import AGAIN, Failure
from ap_remote.transport.session import LOG_IN
from ap_remote.wire.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from ap_remote.transport.call import Call
    from ap_remote.transport.session import Shown

EXPIRED: Final = f"the session has expired or is not accepted: {LOG_IN}"
_NAME_TAKEN: Final = "NAME_ALREADY_EXISTS"
_FULL: Final = ("quota", "storage limit", "not enough storage", "insufficient storage")
_NO_SPACE: Final = ("no space", "disk is full", "disk full")


def _sentence(fault: Fault, otherwise: str) -> str:
    return fault.message or otherwise


def _bad_request(call: Call[Any], fault: Fault) -> RemoteError:
    said = fault.message.casefold()
    if "next token is expired" in said or "offset + limit" in said:
        return IncompleteListingError(f"the service broke the listing off: {fault.message}")
    if said.startswith("invalid filter"):
        return QuerySyntaxError(call.params.get("filters", ""), 0, fault.message)
    if call.body is not None and "md5" in said:
        return IntegrityError(f"what arrived is not what was promised: {fault.message}")
    if "cannot read from request" in said or "cannot complete upload" in said:
        return UnavailableError(f"the service did not get the whole body: {fault.message}")
    return ProtocolError(f"the service did not accept the request: {_sentence(fault, 'it did not say why')}")


def _forbidden(_call: Call[Any], fault: Fault) -> RemoteError:
    if any(word in fault.message.casefold() for word in _FULL):
        return QuotaExceededError(f"the account is full: {fault.message}")
    return AccessDeniedError(f"the account may not do this: {_sentence(fault, 'the service did not say why')}")


def _conflict(call: Call[Any], fault: Fault) -> RemoteError:
    """A taken name and known bytes share this status.

    The code for known bytes is in no source (uncertain). What carries a node's id, answers an upload and is not about
    the name is therefore about the bytes.
    """
    node_id = fault.node_ids[0] if fault.node_ids else None
    about_the_name = fault.code.upper() == _NAME_TAKEN or "with the name" in fault.message.casefold()
    if call.body is not None and node_id and not about_the_name:
        return DuplicateContentError(call.about, node_id)
    if about_the_name or node_id:
        return AlreadyExistsError(call.about, node_id)
    return ProtocolError(f"the service sees a conflict: {_sentence(fault, 'it did not say with what')}")


_BY_STATUS: Final[dict[int, Callable[[Call[Any], Fault], RemoteError]]] = {
    400: _bad_request,
    401: lambda _call, _fault: AuthenticationError(EXPIRED),
    403: _forbidden,
    404: lambda call, _fault: NotFoundError(call.about),
    405: lambda call, _fault: UnsupportedError(f"the service does not offer {call.title}"),
    409: _conflict,
    410: lambda call, _fault: NotFoundError(call.about),
    412: lambda call, _fault: PreconditionFailedError(f"changed by somebody else meanwhile: {call.about!r}"),
    413: lambda call, _fault: QuotaExceededError(f"the service does not take a file of this size: {call.about!r}"),
    429: lambda _call, fault: RateLimitedError(_sentence(fault, "the service asks for fewer requests")),
    501: lambda call, _fault: UnsupportedError(f"the service does not offer {call.title}"),
}
_UNSETTLED: Final = frozenset({408, 500, 502, 504})
"""After these a write may have happened: large uploads are known to appear minutes later."""


def failure(call: Call[Any], status: int, fault: Fault, *, after: float | None = None) -> Failure:
    """Return what an unsuccessful status means for *call*.

    Args:
        call: what was asked.
        status: 3xx to 5xx.
        fault: the body, parsed.
        after: seconds, from ``Retry-After``.
    """
    if status >= 500 and any(word in fault.message.casefold() for word in _NO_SPACE):  # noqa: PLR2004 - server errors
        return Failure(error=ServiceFullError(f"the service has no room: {fault.message}"))
    if status in _UNSETTLED and not call.idempotent:
        said = f" and said: {fault.message}" if fault.message else ""
        return Failure(
            error=OutcomeUnknownError(f"the service answered {status}{said}; {call.about!r} may have been done or not"),
        )
    if status in _BY_STATUS:
        error = _BY_STATUS[status](call, fault)
    elif status >= 500 or status == 408:  # noqa: PLR2004 - server errors, and a timeout that is one
        error = UnavailableError(_sentence(fault, _unavailable(status, fault)))
    else:
        error = ProtocolError(f"the service answered {status}: {_sentence(fault, 'nothing more')}")
    return Failure(error=error, again=_again(call, status, error, fault), after=after)


def _unavailable(status: int, fault: Fault) -> str:
    if status == 503 and not fault.json:  # noqa: PLR2004 - the status that says it
        return "the service is overloaded, or takes this machine for a robot (503)"
    return f"the service has a failure of its own ({status})"


def _again(call: Call[Any], status: int, error: RemoteError, fault: Fault) -> bool:
    if isinstance(error, RateLimitedError):
        return True  # it was refused before anything happened
    if not call.idempotent:
        return False
    # A 403 of this text comes now and then from a healthy session, and a 400 about a cut body is the connection's.
    sporadic = status == 403 and "authorization header requires" in fault.message.casefold()  # noqa: PLR2004
    return status in AGAIN or sporadic or isinstance(error, UnavailableError)


def sign_in(shown: Shown | None) -> Failure:
    """Return the failure of a page that asks to sign in where JSON or bytes were due.

    Args:
        shown: the credentials that were not accepted, where others may help.
    """
    return Failure(error=AuthenticationError(EXPIRED), expired=shown)


def robot(status: int) -> Failure:
    """Return the failure of a page that wants to know whether a person is there. Nothing was done."""
    return Failure(
        error=UnavailableError(
            f"Amazon takes this machine for a robot ({status}): wait some minutes, lower the rate, and if it goes on, "
            "log in from a home connection (`ap login NAME`)"
        ),
        robot=True,
    )


def not_json(content_type: str) -> Failure:
    """Return the failure of an answer that is something else than JSON."""
    kind = content_type.partition(";")[0].strip() or "something"
    return Failure(error=ProtocolError(f"the service sent {kind} where JSON was due"))


def too_long(call: Call[Any]) -> Failure:
    """Return the failure of an answer with more bytes than *call* takes."""
    return Failure(error=ProtocolError(f"the answer to {call.title} is longer than the {call.most} bytes it may have"))


def undecodable(problem: Exception) -> Failure:
    """Return the failure of JSON that is not what the protocol promises."""
    error = ProtocolError(f"the answer could not be understood: {problem}")
    error.__cause__ = problem
    return Failure(error=error)


def broken(call: Call[Any], reason: str, *, left: bool, whole: bool, cause: Exception) -> Failure:
    """Return what a broken connection means for *call*.

    Args:
        call: what was asked.
        reason: a few words.
        left: whether anything of the request was sent.
        whole: whether all of it may have been; what is incomplete no service carries out.
        cause: what the connection said, without addresses in it.
    """
    error: RemoteError
    if left and whole and not call.idempotent:
        error = OutcomeUnknownError(f"{reason}; {call.about!r} may have been done or not")
    else:
        error = UnavailableError(reason)
    error.__cause__ = cause
    return Failure(error=error, again=call.idempotent or not left)


def retry_after(value: str | None, *, now: float) -> float | None:
    """Read ``Retry-After``: seconds, or a date from which *now* (seconds since 1970) is taken."""
    if not value:
        return None
    try:
        return max(0.0, float(value)) if value.strip()[:1].isdigit() else max(0.0, _epoch(value) - now)
    except (ValueError, OverflowError):
        return None


def _epoch(value: str) -> float:
    return parsedate_to_datetime(value).timestamp()
