"""Takes out of an answer what is a person's or a secret, and leaves its shape.

Equal values become equal pseudonyms, so what belonged together still does. Whatever is not known to be harmless by the
name of its key or by its look is replaced: an unknown key keeps its name and loses its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

Mask = Callable[[str], str]
"""What takes the session's own secrets out of a text."""

OWNER: Final = "A1EXAMPLE0OWNR"
ANY: Final = "*"
"""Stands for a parameter of a request that is not kept."""

_SECRET: Final = re.compile(
    r"token|cookie|secret|passw|signature|credential|templink|session-?id|thumbnailurl|lowres|checkpoint|authori[sz]ation"
)
_OWNER: Final = re.compile(r"(?:owner|customer|account|family|group|member|user)(?:id)?|(?:created|modified)by")
_PLACE: Final = re.compile(
    r"gps.*|.*(?:latitude|longitude|altitude|address|geo).*|location|city|country|state|county|place|postal.*|.*coordinates?"
)
_NAME: Final = re.compile(r".*name|title|description|labels?|keywords?|caption|subject|comment|author|artist|copyright")
_FACET: Final = frozenset({"value", "match"})
_SAID: Final = frozenset({"message", "errormessage"})
_REFERENCE: Final = frozenset({"logref", "requestid"})
PROPERTIES: Final = "properties"
"""What programs keep beside a node: neither its keys nor its values are ours to know."""
_OPAQUE: Final = frozenset({"cookies", PROPERTIES})
"""Beneath these every value is replaced, whatever its key."""
_HARMLESS: Final = re.compile(
    r"""
    [A-Z][A-Z_]{0,39} | V\d                                       # a word of the protocol
    | \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?                   # a time
    | [0-9a-f]{32}                                                # an md5
    | [A-Za-z0-9_-]{22}                                           # a node's id
    | [a-z]+/[a-z0-9.+-]{1,40} | [a-z0-9]{1,5}                    # a type, an extension
    | -?\d{1,15}(?:\.\d{1,6})? | \d+\.\d+\.\d+ | true | false | (?i:json)
    """,
    re.VERBOSE,
)
_HOST: Final = re.compile(r"https://[a-z0-9.-]+\.(?:amazon\.[a-z.]{2,7}|amazonaws\.com)/?(?:cdproxy/|drive/v1/)?")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_LEAKS: Final = (
    ("token", re.compile(r"At[nz][a-z]\|[^\s\"';,<>]+")),
    ("address", _ADDRESS),
    ("signature", re.compile(r"X-Amz-[A-Za-z-]+=[^&\s\"']+", re.IGNORECASE)),
    ("cookie", re.compile(r"\b(?:session-id|session-token|sess-at|ubid|sst|at|x)(?:[-_][a-z]+)?=[^;\s\"']+")),
    ("person", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("place", re.compile(r"-?\d{1,3}\.\d{2,}\s*[,;]\s*-?\d{1,3}\.\d{2,}")),
)
_SPOKEN: Final = re.compile(r"[\w*./+@-]*\w[\w*/+@-]*")
_NUMBERED: Final = re.compile(
    r"(?:name|text|redacted|owner|place|reference|key|word|token|address|signature|cookie|person)-\d+"
)
_SENTENCES: Final = """
    a account again already an and any are as at auth authorization back bad be been by can cannot checksum code
    complete conflict conflicting content could credential daily deleted denied digest disk does error exceed
    exceeded exist exists expired expires failed failure field file files filter folder for forbidden format found
    full gateway has have header id in insufficient internal invalid is it item items key kind label later length
    limit may md5 member message method missing must name next no node nodeid nodes not of off offset on operation
    or owner page parameter parent parentid parents permission please property provided query quota range rate
    refresh request requests require required requires resource root same server service session size sort space
    status storage supported sync system temporarily that the this throttled time to token too trash try
    unauthorized unavailable under unknown unsupported upload user valid value version was while with yet
"""
_WORDS: Final = frozenset(_SENTENCES.split())
"""What refusals are made of; every other word of a sentence may be somebody's (own choice)."""
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}|[A-Za-z0-9_-]{22}")
_ROUTE: Final = re.compile(r"[A-Za-z-]{1,21}|v\d|[A-Za-z0-9_-]{22}|\{[a-z]+\}")
_VERBATIM: Final = frozenset({"sort", "querySuffix", "viewBox", "timeZone", "category", "searchContext", "fields"})
_PLAIN_CLAUSE: Final = re.compile(r"AND|OR|NOT|[A-Za-z.]+:(?:[A-Z_]+|true|false)?|[A-Z_]+")


class Redactor:
    """One per recording.

    Args:
        keep_names: leave names, titles, labels and descriptions as they are.
    """

    def __init__(self, *, keep_names: bool = False) -> None:
        self._keep_names = keep_names
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def json(self, value: Any, mask: Mask, *, key: str = "", within: str = "") -> Any:
        """Return JSON of the same shape.

        Args:
            value: decoded.
            mask: takes the session's own secrets out.
            key: under which it stands, in lower case.
            within: the key of :data:`_OPAQUE` that it stands beneath, of which no value may be kept.
        """
        if isinstance(value, dict):
            return {
                self._key(name, mask, within): self.json(
                    each, mask, key=name.casefold(), within=name.casefold() if name.casefold() in _OPAQUE else within
                )
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self.json(each, mask, key=key, within=within) for each in value]
        if isinstance(value, str):
            return self._word(value, mask, key, opaque=bool(within))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return type(value)(0) if within or _PLACE.fullmatch(key) or _SECRET.search(key) else value
        return value

    def parameter(self, name: str, value: str, mask: Mask) -> str:
        """Return a parameter of a request as the answers have it, or :data:`ANY` for one that is not kept."""
        if name in _VERBATIM and mask(value) == value:
            return value
        if name == "filters":
            plain = all(_PLAIN_CLAUSE.fullmatch(word) for word in re.findall(r"[^\s()]+", value))
            kept = self._keep_names and self._scrubbed(value, mask) == value
            return value if (plain or kept) and mask(value) == value else ANY
        shown = self._word(value, mask, "nexttoken" if name == "startToken" else name.casefold(), opaque=False)
        return shown if shown == value or _key_kind(name.casefold()) else ANY

    def segment(self, text: str, mask: Mask) -> str:
        """Return a part of a path as the answers have it."""
        if _ROUTE.fullmatch(text) and mask(text) == text:
            return text
        kinds = ("redacted", "owner", "text")
        kind = next((each for each in kinds if (each, text) in self._known), "text")
        return self._owner(text) if kind == "owner" else self._pseudonym(kind, text)

    def said(self, text: str, mask: Mask) -> str:
        """Return a sentence of the service's without what it repeats of ours."""
        for (kind, real), pseudonym in self._known.items():
            if kind == "name" and real:
                text = re.sub(re.escape(real), pseudonym.replace("\\", r"\\"), text, flags=re.IGNORECASE)
        text = self._scrubbed(text, mask)
        if self._keep_names:
            return text
        text = re.sub(r"(?<=with the name ).*(?= already exists)", "name", text)
        return _SPOKEN.sub(lambda match: match[0] if _is_plain(match[0]) else self._pseudonym("word", match[0]), text)

    def learn(self, name: str) -> None:
        """Know a name that a request carries: the service may repeat it in a sentence."""
        if not self._keep_names:
            self._name(name)

    def _key(self, name: str, mask: Mask, within: str) -> str:
        safe = within != PROPERTIES and _KEY.fullmatch(name) and self._scrubbed(name, mask) == name
        return name if safe else self._pseudonym("key", name)

    def _word(self, value: str, mask: Mask, key: str, *, opaque: bool) -> str:  # noqa: PLR0911 - a table of rules
        if not value or (value in ("true", "false") and not opaque):
            return value
        if opaque and key != "name":
            return self._pseudonym("redacted", value)
        kind = _key_kind(key)
        if kind == "owner":
            return self._owner(value)
        if kind is not None:
            return self._pseudonym(kind, value) if not _is_number(value) else "0.0"
        if _HOST.fullmatch(value) and mask(value) == value:
            return value
        if key in _SAID:
            return self.said(value, mask)
        scrubbed = self._scrubbed(value, mask)
        if _NAME.fullmatch(key) or key in _FACET:
            # A cookie's name is one as well, and says which was given.
            plain = opaque or self._keep_names or (key in _FACET and _HARMLESS.fullmatch(value))
            return scrubbed if plain else self._name(value)
        return scrubbed if _HARMLESS.fullmatch(value) else self._pseudonym("text", value)

    def _scrubbed(self, text: str, mask: Mask) -> str:
        for kind, pattern in _LEAKS:
            text = pattern.sub(lambda match, kind=kind: self._pseudonym(kind, match[0]), text)  # type: ignore[misc] # mypy infers no lambda with a default
        return mask(text)

    def _owner(self, value: str) -> str:
        number = int(self._pseudonym("owner", value).rpartition("-")[2])
        return OWNER if number == 1 else f"{OWNER}{number}"

    def _name(self, value: str) -> str:
        extension = PurePosixPath(value).suffix.lower()
        known = extension if re.fullmatch(r"\.[a-z0-9]{1,5}", extension) else ""
        return self._pseudonym("name", value) + known

    def _pseudonym(self, kind: str, value: str) -> str:
        found = self._known.get((kind, value))
        if found is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            found = self._known[kind, value] = f"{kind}-{self._counts[kind]}"
        return found


def _key_kind(key: str) -> str | None:
    if _SECRET.search(key):
        return "redacted"
    if key in _REFERENCE:
        return "reference"
    if _OWNER.fullmatch(key) and key not in ("account", "family", "group", "member", "user"):
        return "owner"
    return "place" if _PLACE.fullmatch(key) else None


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"[-+]?\d+(?:\.\d+)?", value))


def _is_plain(word: str) -> bool:
    """Whether a word of a sentence is one that services use, or a pseudonym, or an id."""
    known = word.casefold() in _WORDS or _NUMBERED.fullmatch(word) or not word.strip("*")
    return bool(known or re.fullmatch(r"[\d.:TZ-]+|[A-Za-z0-9_-]{22}|[A-Z]+(?:_[A-Z]+)+", word))
