"""Where a model computes."""

from __future__ import annotations

from ap_remote.errors import EncoderError
from ap_remote.semantic.extras import need


def pick_device(wanted: str | None = None) -> str:
    """Return *wanted* if it is there, or by default ``cuda`` where it is and ``cpu`` elsewhere.

    Raises:
        EncoderError: CUDA was asked for and is not there; falling back in silence would cost hours.
        MissingExtraError: torch is not installed.
    """
    there = bool(need("torch").cuda.is_available())
    if wanted is None:
        return "cuda" if there else "cpu"
    if wanted.startswith("cuda") and not there:
        message = f"the encoder was asked to run on {wanted!r}, and torch finds no CUDA device"
        raise EncoderError(message)
    return wanted
