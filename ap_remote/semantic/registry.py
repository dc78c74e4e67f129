"""Encoders by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.errors import EncoderError

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.semantic.encoder import Encoder


def load_encoder(spec: str = "offline", *, cache: Path | None = None, device: str | None = None) -> Encoder:
    """Return the encoder of that name. Weights are read when they are first needed.

    Args:
        spec: ``offline`` (weights come with installed packages), ``open_clip:MODEL/TAG``, or ``local-dir:/path``.
        cache: a folder for what is dear to compute and follows from the weights alone.
        device: ``cpu`` or ``cuda``; by default CUDA where it is there.

    Raises:
        EncoderError: no such encoder, or its weights are missing.
        MissingExtraError: a library is not installed.
    """
    if spec == "offline":
        from ap_remote.semantic.conse import ConseEncoder

        return ConseEncoder(cache=cache, device=device)
    if spec.startswith(("open_clip:", "local-dir:")):
        from ap_remote.semantic.clip import ClipEncoder

        return ClipEncoder(spec, cache=cache, device=device)
    message = f"no encoder is named {spec!r}; known are offline, open_clip:MODEL/TAG and local-dir:/path"
    raise EncoderError(message)
