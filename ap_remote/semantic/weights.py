"""Digests of weight files, and what is kept beside them so that start-up stays quick."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ap_remote.atomic import write_atomically
from ap_remote.errors import EncoderError
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LONGEST: Final = 300

_log = logging.getLogger(__name__)


def sha256(file: Path, *, cache: Path | None = None) -> str:
    """Return a file's SHA-256 in hexadecimal.

    With *cache* the answer is remembered for as long as :func:`stamp` stays.
    """
    key = stamp(file)
    known = _known(cache)
    if key in known:
        return known[key]
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if cache is not None:
        _remember(cache, {**known, key: digest})
    return digest


def stamp(file: Path) -> str:
    """Return what changes with a file's content: path, size and times.

    The time of the last change of its inode is in it, too: who copies other weights over it can set the other time.
    """
    facts = file.stat()
    return f"{file.resolve()}|{facts.st_size}|{facts.st_mtime_ns}|{facts.st_ctime_ns}"


def check(file: Path) -> None:
    """Look whether a safetensors file is as long as its own header says, without reading its tensors.

    Raises:
        EncoderError: it is truncated, or its header is damaged.
        MissingExtraError: safetensors is not installed.
    """
    if file.suffix != ".safetensors":
        return
    library = need("safetensors")
    try:
        with library.safe_open(file, framework="np"):
            return
    except (OSError, library.SafetensorError) as exc:
        message = (
            f"the weights in {file} cannot be loaded: they are truncated or damaged ({one_sentence(exc)}); "
            f"copy or fetch them again"
        )
        raise EncoderError(message) from exc


def one_sentence(exc: BaseException) -> str:
    """Return what a library says of an error on one line, without the rest of a long list."""
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} ..."


def digest_of(provenance: Any) -> str:
    """Return the fingerprint of an :class:`~ap_remote.semantic.encoder.Provenance`."""
    return fingerprint(msgspec.to_builtins(provenance))


def fingerprint(facts: Mapping[str, object]) -> str:
    """Return sixteen hexadecimal digits that stand for *facts* (JSON values), whatever their order."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def kept_array(
    cache: Path | None, name: str, make: Callable[[], NDArray[np.float32]], *, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the array kept in *cache* under *name*, or make it and keep it.

    A file that is damaged or of another shape is made again.
    """
    if cache is None:
        return make()
    file = cache / f"{name}.npy"
    try:
        kept = np.load(file, allow_pickle=False)
        if kept.shape == shape and kept.dtype == np.float32 and np.isfinite(kept).all():
            return np.asarray(kept, dtype=np.float32)
    except (FileNotFoundError, ValueError, EOFError):
        _log.debug("%s is made", file)
    made = make()
    stream = io.BytesIO()
    np.save(stream, made, allow_pickle=False)
    _keep(file, stream.getvalue())
    return made


def _known(cache: Path | None) -> dict[str, str]:
    if cache is None:
        return {}
    try:
        return msgspec.json.decode((cache / "digests.json").read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _remember(cache: Path, digests: dict[str, str]) -> None:
    _keep(cache / "digests.json", msgspec.json.encode(digests))


def _keep(file: Path, body: bytes) -> None:
    """Write a file that saves time; where that cannot be, the time is spent again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, body)
    except OSError as exc:
        _log.warning("%s is used but not kept: %s", file, exc.strerror or exc)
