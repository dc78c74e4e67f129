"""Where the vectors of an index lie: beside its catalogue, or wherever they were said to lie when it was built.

An index whose vectors lie elsewhere remembers where (``vectors.json`` beside the catalogue), so that a setting that
names another place is not taken for an index whose vectors are lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.config import harmless
from ap_remote.errors import ConfigError, StoreError

FILE: Final = "vectors.json"
_FOLDER: Final = "embeddings"


class _Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vectors: str


def root(folder: Path, vectors: Path | str | None = None) -> Path | str:
    """Return where the index in *folder* keeps its vectors, or is to keep them: a path, or an address of fsspec.

    Args:
        folder: the index, which need not be there yet.
        vectors: what was asked for; by default it stays as it was, and a new index keeps them in itself.

    Raises:
        ConfigError: the address says how to get in.
        StoreError: what the index remembers cannot be read.
    """
    if vectors is None:
        vectors = _recalled(folder)
    if isinstance(vectors, Path) or "://" not in vectors:
        return Path(vectors).expanduser().absolute()
    shown = harmless(vectors)
    if shown != vectors:
        message = (
            f"the address of the vectors, {shown}, says how to get in, and is kept, shown and told to every worker: "
            "leave that to fsspec's own configuration"
        )
        raise ConfigError(message)
    return vectors.rstrip("/")


def inside(folder: Path) -> Path:
    """Return where the index in *folder* keeps its vectors if nothing else is said."""
    return (folder / _FOLDER).absolute()


def before(folder: Path) -> str:
    """Return where the vectors of the index in *folder* lay when it was last written to; raises as :func:`root`."""
    return str(root(folder))


def remember(folder: Path, place: Path | str) -> None:
    """Let the index in *folder* know where its vectors lie from now on.

    Raises:
        StoreError: it cannot be written.
    """
    file = folder / FILE
    try:
        if place == inside(folder):
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, msgspec.json.encode(_Remembered(str(place))))
    except OSError as exc:
        raise StoreError(f"cannot write to {file}: {exc.strerror or exc}") from exc


def _recalled(folder: Path) -> Path | str:
    file = folder / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Remembered).vectors
    except FileNotFoundError:
        return inside(folder)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise StoreError(f"{file} cannot be read: {exc}; say where the vectors lie and take it away") from exc
