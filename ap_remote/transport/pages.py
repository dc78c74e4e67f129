"""Web pages that come where JSON or bytes were due: which of them ask to sign in, and which are for robots."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 64 * 1024
"""Bytes of a page, or of any error's body, that are looked at."""
# What a captcha page says is in no reference; these are its form's address and its sentences (inferred).
_ROBOT: Final = (
    b"captcha",
    b"not a robot",
    b"robot check",
    b"automated access",
    b"characters you see",
    b"unusual traffic",
)
_SIGN_IN: Final = (b"signin", b"sign-in")
_PASSWORD: Final = b'type="password"'


def is_html(content_type: str) -> bool:
    """Whether an answer is a web page."""
    return "html" in content_type


def is_for_robots(body: bytes) -> bool:
    """Whether a page wants to know if a person is there; a sign-in form may have such a puzzle too, and is none."""
    return bool(robot_words(body)) and _PASSWORD not in body[:LONGEST].lower()


def robot_words(body: bytes) -> list[str]:
    """Return the words that give such a page away."""
    page = body[:LONGEST].lower()
    return [word.decode() for word in _ROBOT if word in page]


def asks_to_sign_in(body: bytes) -> bool:
    """Whether a page is the form to sign in."""
    page = body[:LONGEST].lower()
    return _PASSWORD in page or any(word in page for word in _SIGN_IN)
