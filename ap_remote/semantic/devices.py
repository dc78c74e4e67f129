"""Where a model computes."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import ConfigError, EncoderError
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

AUTO: Final = "auto"
NAMES: Final = ("cpu", "cuda", "mps", AUTO)


def pick_device(wanted: str | None = None) -> str:
    """Return *wanted* if it is there; for ``auto`` or ``None`` ``cuda``, else ``mps``, else ``cpu``.

    Raises:
        ConfigError: no device is named so.
        EncoderError: the one asked for is not there; falling back in silence would cost hours.
        MissingExtraError: torch is not installed.
    """
    kind, _, number = (wanted or AUTO).partition(":")
    if kind not in NAMES or (number and (kind != "cuda" or not number.isdecimal())):
        message = f"no device is named {wanted!r}; known are {', '.join(NAMES)} and cuda:NUMBER"
        raise ConfigError(message)
    torch = need("torch")
    there = {"cpu": True, "cuda": bool(torch.cuda.is_available()), "mps": bool(torch.backends.mps.is_available())}
    if kind == AUTO:
        return next(each for each in ("cuda", "mps", "cpu") if there[each])
    if not there[kind]:
        message = f"the encoder was asked to run on {wanted!r}, and torch finds no {kind.upper()} device"
        raise EncoderError(message)
    if number and int(number) >= torch.cuda.device_count():
        message = (
            f"the encoder was asked to run on {wanted!r}, and torch finds {torch.cuda.device_count()} CUDA devices"
        )
        raise EncoderError(message)
    return wanted if number and wanted else kind


def autocast(device: str) -> AbstractContextManager[Any]:
    """Return the context for a network's pass: bfloat16 on a CUDA device that computes it, float32 elsewhere."""
    torch = need("torch")
    if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False):
        context: AbstractContextManager[Any] = torch.autocast("cuda", dtype=torch.bfloat16)
        return context
    return nullcontext()
