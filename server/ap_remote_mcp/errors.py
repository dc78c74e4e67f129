"""What goes wrong, as the sentence ``[code] what happened. What to do next.`` for the model that must go on.

The codes are fixed. Nothing of a transport error's own text is repeated, since it is not ours.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple
from unicodedata import category, name

from mcp.server.mcpserver.exceptions import ToolError

from ap_remote import errors as remote

_SHOWN: Final = 300
"""Characters of a sentence that may hold a name or an argument."""
_IDS: Final = 10
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_WITHOUT_WIDTH: Final = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
"""Marks that Unicode lets be ignored; rows of them, or of selectors, can carry text that nobody sees."""
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE: Final = frozenset("\ufe0e\ufe0f")
_STYLED: Final = frozenset({"So", "Sm", "Sk", "Nd", "Po", "Pd"})
_PICTURED: Final = frozenset({"So", "Sk"})


class Code(StrEnum):
    """The first word of every error."""

    AUTH_EXPIRED = "auth_expired"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    PLAN_STALE = "plan_stale"
    DECLINED = "declined"
    OUTSIDE_ROOTS = "outside_roots"
    BUDGET = "budget"
    BUSY = "busy"
    OUTCOME_UNKNOWN = "outcome_unknown"
    INDEX_MISSING = "index_missing"
    READ_ONLY_MODE = "read_only_mode"
    BAD_ARGUMENT = "bad_argument"
    BAD_QUERY = "bad_query"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"


NEXT: Final[dict[Code, str]] = {
    Code.AUTH_EXPIRED: "Tell the person to renew the account's credentials on the command line; do not retry.",
    Code.BLOCKED: "The account may not do this; tell the person and do not retry.",
    Code.NOT_FOUND: "Look the entry up again with photos_search or photos_list.",
    Code.AMBIGUOUS: "Call again with one of the ids.",
    Code.PLAN_STALE: "Call again without plan to get a new preview, and show it to the person.",
    Code.DECLINED: "Nothing was changed. Do not ask again unless the person wants it.",
    Code.OUTSIDE_ROOTS: "Give paths inside the server's folders, which photos_status names in roots.",
    Code.BUDGET: "Wait until it resets, or ask for less.",
    Code.BUSY: "Wait half a minute, then call once more.",
    Code.OUTCOME_UNKNOWN: "Do not repeat the call: check with photos_get or photos_list what is true now.",
    Code.INDEX_MISSING: "Use mode server or metadata, or ask the person to run: ap index build",
    Code.READ_ONLY_MODE: "photos_status names the flag that would enable it.",
    Code.BAD_ARGUMENT: "Correct the argument and call again.",
    Code.BAD_QUERY: "Correct the filter; the resource photos://help/query-syntax explains it.",
    Code.UNSUPPORTED: "This remote cannot do it; choose another way.",
    Code.UNAVAILABLE: "Wait a minute, then call once more; before a change is repeated, look with photos_get.",
}

MISTAKES: Final = frozenset(
    {Code.NOT_FOUND, Code.AMBIGUOUS, Code.PLAN_STALE, Code.BAD_ARGUMENT, Code.BAD_QUERY, Code.UNSUPPORTED}
)
"""Codes that say nothing of the service: the next call may be right."""


def is_hidden(text: str, index: int) -> bool:
    """Whether the character at *index* is unseen, or hides or reorders others.

    A joiner between emoji and a selector behind what it selects are part of what is seen.
    """
    character = text[index]
    before = text[index - 1] if index else ""
    if character == _JOINER:
        after = text[index + 1 : index + 2]
        return not (_is_pictured(before) and _is_pictured(after))
    if character in _EMOJI_STYLE:
        return not before or category(before) not in _STYLED
    if "\ufe00" <= character <= "\ufe0d" or "\U000e0100" <= character <= "\U000e01ef":
        return not name(before or "a", "").startswith("CJK ")
    return character in _WITHOUT_WIDTH or category(character) in _UNSEEN


def _is_pictured(character: str) -> bool:
    return character in _EMOJI_STYLE or (character != "" and category(character) in _PICTURED)


def _plain(text: str) -> str:
    """Replace what hides or reorders text; a sentence may quote a name."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if each != "\n" and is_hidden(text, index) else each
        for index, each in enumerate(text)
    )


class CodedError(ToolError):
    """An error that the model reads in full.

    Attributes:
        code: the fixed word it begins with.
        what: what happened, in one sentence.
    """

    def __init__(self, code: Code, what: str, then: str = "") -> None:
        sentence = " ".join(_plain(what).split())
        if len(sentence) > _SHOWN:
            sentence = sentence[: _SHOWN - 1] + "…"
        if sentence and sentence[-1] not in ".!?…":
            sentence += "."
        super().__init__(f"[{code}] {sentence} {then or NEXT[code]}")
        self.code = code
        self.what = sentence


_DISK: Final = "Tell the person to look at this machine's disk and the server's log; do not retry."
_OF_INDEX: Final = "ap_remote.semantic"


def coded(exc: remote.RemoteError) -> CodedError:
    """Return what the model reads in place of an error of the library."""
    match exc:
        case remote.AmbiguousError():
            return CodedError(Code.AMBIGUOUS, f"{len(exc.ids)} entries answer: {', '.join(exc.ids[:_IDS])}")
        case remote.QuerySyntaxError():
            return CodedError(Code.BAD_QUERY, f"The filter fails at character {exc.position + 1}: {exc.problem}")
        case remote.StoreError() if not isinstance(exc, remote.BusyStoreError) and _came_from(exc, _OF_INDEX):
            return CodedError(Code.INDEX_MISSING, "The semantic index cannot be read")
        case remote.PlanError() if isinstance(exc.__cause__, OSError):
            return CodedError(Code.UNAVAILABLE, "The plan of folders cannot be read or written", _DISK)
    for row in _TABLE:
        if isinstance(exc, row.kind):
            return CodedError(row.code, row.sentence or exc.message, row.then)
    return CodedError(Code.UNAVAILABLE, f"The library failed ({type(exc).__name__})")


def _came_from(exc: BaseException, package: str) -> bool:
    """Whether an error was raised in a package, or on the way through it."""
    trace = exc.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module == package or module.startswith(f"{package}."):
            return True
        trace = trace.tb_next
    return False


class Row(NamedTuple):
    """How errors of a class, and of those below it that have no row of their own before, are told."""

    kind: type[remote.RemoteError]
    code: Code
    sentence: str = ""
    """Without one the error's own is said, which holds no more than a name."""
    then: str = ""
    """What to do; by default what the code has."""


_TABLE: Final[tuple[Row, ...]] = (
    Row(remote.NotInTrashError, Code.NOT_FOUND, then="photos_list(source=trash) shows what can be restored."),
    Row(remote.NotFoundError, Code.NOT_FOUND),
    Row(remote.AuthenticationError, Code.AUTH_EXPIRED, "The account's credentials are missing or have expired"),
    Row(remote.AccessDeniedError, Code.BLOCKED, "The service refused"),
    Row(remote.QuotaExceededError, Code.BUDGET, "The account is full", "Tell the person; space must be freed first."),
    Row(remote.RateLimitedError, Code.BUSY, "The service asks for fewer requests"),
    Row(remote.OutcomeUnknownError, Code.OUTCOME_UNKNOWN, "The change was sent and no answer came"),
    Row(remote.TransportError, Code.UNAVAILABLE, "The service gave no usable answer"),
    Row(remote.IncompleteListingError, Code.UNAVAILABLE, "The listing broke off"),
    Row(remote.IntegrityError, Code.UNAVAILABLE, "The service sent other bytes than it promised"),
    Row(
        remote.BatchError,
        Code.OUTCOME_UNKNOWN,
        "The service refused some of the entries",
        "Do not repeat the call: photos_get tells what is true of each now.",
    ),
    Row(remote.PreconditionFailedError, Code.PLAN_STALE, "An entry was changed by somebody else meanwhile"),
    Row(remote.MissingExtraError, Code.INDEX_MISSING),
    Row(
        remote.EncoderError,
        Code.INDEX_MISSING,
        "The encoder has no weights, fits no index, or cannot read the example",
    ),
    Row(remote.BusyStoreError, Code.BUSY, "Another process works with what is kept here"),
    Row(remote.PlanError, Code.PLAN_STALE, "The plan of folders cannot be carried out, or taken back, as it stands"),
    Row(remote.StoreError, Code.UNAVAILABLE, "What is kept on this machine cannot be read or written", _DISK),
    Row(
        remote.ConfigError,
        Code.UNAVAILABLE,
        "The server's settings do not fit",
        "Tell the person to look into the server's log; do not retry.",
    ),
    Row(remote.AlreadyExistsError, Code.BAD_ARGUMENT, then="Choose another name, or use what is there."),
    Row(remote.DuplicateContentError, Code.BAD_ARGUMENT, then="Use the entry that has this content already."),
    Row(remote.FolderNotEmptyError, Code.BAD_ARGUMENT),
    Row(remote.IsFolderError, Code.BAD_ARGUMENT),
    Row(remote.IsFileError, Code.BAD_ARGUMENT),
    Row(remote.InvalidNameError, Code.BAD_ARGUMENT),
    Row(remote.LimitError, Code.BAD_ARGUMENT),
    Row(remote.UnsupportedError, Code.UNSUPPORTED),
)
"""Classes, most specific first."""
