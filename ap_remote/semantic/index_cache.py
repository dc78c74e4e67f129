"""The files of a cached index, and when they may be used.

``index/<fingerprint>/manifest.json`` says what ``index.faiss`` was built from and carries its checksum; ``rows.npy``
says which contents are in it, so that a later one can be made from it by adding and removing. FAISS reads files with
native code, so only a file whose checksum we wrote is ever handed to it.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ap_remote.errors import StoreError
from ap_remote.semantic.depot import PARTIAL, write_file
from ap_remote.semantic.extras import need
from ap_remote.semantic.tiers import Choice

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

INDEX: Final = "index.faiss"
ROWS: Final = "rows.npy"
MANIFEST: Final = "manifest.json"
CHOICE: Final = "tuning.json"
_log = logging.getLogger(__name__)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a cached index was built from."""

    tier: str
    factory: str
    faiss: str
    fingerprint: str
    dim: int
    count: int
    changes: int
    trained: int
    """How many rows there were when its cells were made."""
    sha256: str = ""
    rows_sha256: str = ""

    def shows(self, other: Manifest) -> bool:
        """Whether it is of the same rows, in the same kind of index."""
        return self.grows_to(other) and (self.count, self.changes) == (other.count, other.changes)

    def grows_to(self, other: Manifest) -> bool:
        """Whether adding and removing can make the one of it that *other* describes."""
        ours = (self.tier, self.faiss, self.fingerprint, self.dim)
        return ours == (other.tier, other.faiss, other.fingerprint, other.dim)


def read(folder: Path) -> Manifest | None:
    """Return what is said of the index in *folder*, ``None`` where there is none or nothing that can be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        _log.warning("the cached index in %s cannot be read and is made anew: %s", folder, exc)
        return None


def load(folder: Path, manifest: Manifest, *, mapped: bool) -> Any | None:
    """Return FAISS's index if the file is the one that was written, else ``None``.

    Args:
        folder: where it is.
        manifest: what was said of it.
        mapped: leave the rows on the disk; such an index can be searched and not changed.
    """
    try:
        whole = _sha256(folder / INDEX) == manifest.sha256
    except FileNotFoundError:
        return None
    except OSError as exc:
        _log.warning("the cached index in %s cannot be read and is made anew: %s", folder, exc)
        return None
    if not whole:
        _log.warning("the cached index in %s is damaged and is made anew", folder)
        (folder / INDEX).unlink(missing_ok=True)
        return None
    return opened(folder, mapped=mapped)


def opened(folder: Path, *, mapped: bool) -> Any:
    """Return FAISS's index from a file that is known to be ours."""
    faiss = need("faiss")
    if mapped and os.name != "nt":  # Windows does not let a file be replaced while it is mapped
        return faiss.read_index(str(folder / INDEX), faiss.IO_FLAG_MMAP_IFC)
    return faiss.read_index(str(folder / INDEX))


def contents(folder: Path, manifest: Manifest) -> NDArray[np.uint64] | None:
    """Return the rows that are in the index and their keys ``[2, n]``, ``None`` if that is not known."""
    try:
        body = (folder / ROWS).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(body).hexdigest() != manifest.rows_sha256:
        return None
    table: NDArray[np.uint64] = np.load(io.BytesIO(body), allow_pickle=False)
    return table


def keep(folder: Path, manifest: Manifest, index: Any, rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> bool:
    """Write an index and what is said of it; returns whether that was possible. What cannot be kept is still of use."""
    stream = io.BytesIO()
    np.save(stream, np.stack([rows.astype(np.uint64), keys]), allow_pickle=False)
    body = stream.getvalue()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _write(folder / INDEX, index)
        write_file(folder / ROWS, body)
        whole = msgspec.structs.replace(manifest, sha256=digest, rows_sha256=hashlib.sha256(body).hexdigest())
        write_file(folder / MANIFEST, msgspec.json.encode(whole))
    except (OSError, StoreError) as exc:
        _log.warning("the index is used but not cached: %s", exc)
        return False
    return True


def read_choice(folder: Path) -> Choice | None:
    """Return what was measured on this machine, ``None`` where nothing was."""
    try:
        return msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        _log.warning("%s cannot be read and is not heeded; `ap index tune` makes it anew: %s", folder / CHOICE, exc)
        return None


def keep_choice(folder: Path, choice: Choice) -> None:
    """Keep what was measured.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        message = f"cannot make {folder}: {exc.strerror or exc}"
        raise StoreError(message) from exc
    write_file(folder / CHOICE, msgspec.json.encode(choice))


def _write(file: Path, index: Any) -> str:
    """Write an index so that it is there whole or not at all, without a second one in memory; returns its checksum."""
    partial = file.with_name(f"{file.name}{PARTIAL}")
    try:
        need("faiss").write_index(index, str(partial))
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        partial.replace(file)
    except RuntimeError as exc:  # FAISS's word for a full disk, too
        partial.unlink(missing_ok=True)
        message = f"cannot write {file}: {str(exc).rpartition(': ')[2]}"
        raise StoreError(message) from exc
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return digest


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
