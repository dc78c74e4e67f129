"""What goes wrong, as the sentence ``[code] what happened. What to do next.`` for the model that must go on.

The codes are fixed. Nothing of a transport error's own text is repeated, since it is not ours.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
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
    PLAN_REQUIRED = "plan_required"
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
    Code.PLAN_REQUIRED: "Call without plan first to get a preview and its plan.",
    Code.DECLINED: "Nothing was changed. Do not ask again unless the person wants it.",
    Code.OUTSIDE_ROOTS: "Use a path inside the folders that the server was started with.",
    Code.BUDGET: "Wait until it resets, or ask for less.",
    Code.BUSY: "Wait half a minute, then call once more.",
    Code.OUTCOME_UNKNOWN: "Do not repeat the call: check with photos_get or photos_list what is true now.",
    Code.INDEX_MISSING: "Use mode server or metadata, or ask the person to run: ap index build",
    Code.READ_ONLY_MODE: "photos_status names the flag that would enable it.",
    Code.BAD_ARGUMENT: "Correct the argument and call again.",
    Code.BAD_QUERY: "Correct the filter; the resource photos://help/query-syntax explains it.",
    Code.UNSUPPORTED: "This remote cannot do it; choose another way.",
    Code.UNAVAILABLE: "Nothing was changed. Wait a minute, then call once more.",
}


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
    """

    def __init__(self, code: Code, what: str, then: str = "") -> None:
        sentence = " ".join(_plain(what).split())
        if len(sentence) > _SHOWN:
            sentence = sentence[: _SHOWN - 1] + "…"
        if sentence and sentence[-1] not in ".!?…":
            sentence += "."
        super().__init__(f"[{code}] {sentence} {then or NEXT[code]}")
        self.code = code


def coded(exc: remote.RemoteError) -> CodedError:
    """Return what the model reads in place of an error of the library."""
    match exc:
        case remote.AmbiguousError():
            return CodedError(Code.AMBIGUOUS, f"{len(exc.ids)} entries answer: {', '.join(exc.ids[:_IDS])}")
        case remote.QuerySyntaxError():
            return CodedError(Code.BAD_QUERY, f"The filter fails at character {exc.position + 1}: {exc.problem}")
        case remote.NotInTrashError():
            return CodedError(Code.NOT_FOUND, exc.message, "photos_list(source=trash) shows what can be restored.")
        case remote.QuotaExceededError():
            return CodedError(Code.BUDGET, "The account is full", "Tell the person; space must be freed first.")
    for kind, code, sentence in _TABLE:
        if isinstance(exc, kind):
            return CodedError(code, sentence or exc.message)
    return CodedError(Code.UNAVAILABLE, f"The library failed ({type(exc).__name__})")


_TABLE: Final[tuple[tuple[type[remote.RemoteError], Code, str], ...]] = (
    (remote.NotFoundError, Code.NOT_FOUND, ""),
    (remote.AuthenticationError, Code.AUTH_EXPIRED, "The account's credentials are missing or have expired"),
    (remote.AccessDeniedError, Code.BLOCKED, "The service refused"),
    (remote.RateLimitedError, Code.BUSY, "The service asks for fewer requests"),
    (remote.OutcomeUnknownError, Code.OUTCOME_UNKNOWN, "The change was sent and no answer came"),
    (remote.TransportError, Code.UNAVAILABLE, "The service gave no usable answer"),
    (remote.IncompleteListingError, Code.UNAVAILABLE, "The listing broke off"),
    (remote.IntegrityError, Code.UNAVAILABLE, "The service sent other bytes than it promised"),
    (remote.PreconditionFailedError, Code.PLAN_STALE, "An entry was changed by somebody else meanwhile"),
    (remote.MissingExtraError, Code.INDEX_MISSING, ""),
    (remote.EncoderError, Code.INDEX_MISSING, "The encoder has no weights, fits no index, or cannot read the example"),
    (remote.BusyStoreError, Code.BUSY, "Another process works with what is kept here"),
    (remote.PlanError, Code.PLAN_STALE, "The plan of folders cannot be carried out, or taken back, as it stands"),
    (remote.StoreError, Code.INDEX_MISSING, "A local store is busy or cannot be read"),
    (remote.IsFolderError, Code.BAD_ARGUMENT, ""),
    (remote.IsFileError, Code.BAD_ARGUMENT, ""),
    (remote.InvalidNameError, Code.BAD_ARGUMENT, ""),
    (remote.UnsupportedError, Code.UNSUPPORTED, ""),
)
"""Classes, most specific first; without a sentence the error's own is said, which holds no more than a name."""
