"""What an index was asked to keep to at every build, whoever starts it: ``build.json`` beside the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "build.json"
MOST_FRAMES: Final = 64


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Of one index."""

    frames: Annotated[int, msgspec.Meta(ge=0, le=MOST_FRAMES)] = 0
    """Pictures of each video beside its poster."""
    switch_at: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Share of the photographs that can be encoded which a new encoder must have seen before searches use it."""


def read(folder: Path) -> Wishes:
    """Return the wishes for the index in *folder*; the usual ones where none were written.

    Raises:
        StoreError: the file cannot be read, or holds something else.
    """
    file = folder / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Wishes)
    except FileNotFoundError:
        return Wishes()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise StoreError(f"{file} cannot be read: {exc}; take it away to build as usual") from exc


def write(folder: Path, *, frames: int | None = None, switch_at: float | None = None) -> Wishes:
    """Change the wishes that are named, and return all of them.

    Raises:
        ConfigError: a value is out of range.
        StoreError: the file cannot be read or written.
    """
    before = read(folder)
    wanted = {
        "frames": before.frames if frames is None else frames,
        "switch_at": before.switch_at if switch_at is None else switch_at,
    }
    try:
        wishes = msgspec.convert(wanted, Wishes)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"an index cannot be built so: {exc}") from exc
    if wishes != before:
        file = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(file, msgspec.json.encode(wishes))
        except OSError as exc:
            raise StoreError(f"cannot write to {file}: {exc.strerror or exc}") from exc
    return wishes
