"""A volume on a folder of this computer, by libfuse."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import ConfigError, MissingExtraError, UnsupportedError

if TYPE_CHECKING:
    from ap_remote.fs.mount.volume import Volume

_FRESH: Final = 1.0
"""Seconds for which the kernel remembers what it was told of a name."""
_THREADS: Final = 10
_THREADED: Final = 3
"""The version of libfuse from which the number of threads is an option, and has no usable default."""


def mount(volume: Volume, folder: Path, *, name: str, writable: bool = False, allow_other: bool = False) -> None:
    """Show a volume at an empty folder until it is unmounted or the process is told to end.

    Args:
        volume: what is shown.
        folder: where; it exists and is empty.
        name: what ``mount`` and ``df`` call it.
        writable: whether the kernel lets programs write at all.
        allow_other: let other users of this computer in; libfuse asks for ``user_allow_other`` then.

    Raises:
        ConfigError: the folder is not there, is not empty, or is a mount already.
        MissingExtraError: the package that speaks to libfuse is missing.
        UnsupportedError: this computer has no FUSE, or refuses the mount.
    """
    check(folder)
    fuse = _fuse()
    kind = type("Operations", (type(volume), fuse.Operations), {})
    # The class that libfuse's binding wants lends its defaults; everything else is the volume's own.
    operations: Any = object.__new__(kind)
    operations.__dict__ = volume.__dict__
    try:
        fuse.FUSE(
            operations,
            str(folder),
            foreground=True,
            fsname=name,
            subtype="ap",
            ro=not writable,
            allow_other=allow_other,
            default_permissions=True,
            hard_remove=True,
            attr_timeout=_FRESH,
            entry_timeout=_FRESH,
            auto_cache=True,
            **({"max_threads": _THREADS} if fuse.fuse_version_major >= _THREADED else {}),
        )
    except RuntimeError as exc:
        raise UnsupportedError(f"{folder} cannot be mounted: FUSE ended with {exc}") from exc


def check(folder: Path) -> None:
    """Raise if nothing can be mounted at a folder.

    Raises:
        ConfigError: with the reason.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: make it first")
    if os.path.ismount(folder):
        raise ConfigError(f"{folder} is a mount already: `ap unmount {folder}` ends it")
    if any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; what is in it would be hidden")


def unmount(folder: Path) -> None:
    """End a mount.

    Raises:
        ConfigError: nothing is mounted there, or a program still uses it.
    """
    if not os.path.ismount(folder):
        raise ConfigError(f"nothing is mounted at {folder}")
    program = next((found for each in ("fusermount3", "fusermount") if (found := shutil.which(each))), None)
    command = ["umount", str(folder)] if program is None else [program, "-u", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the system's program
    if done.returncode:
        raise ConfigError(f"{folder} cannot be unmounted: {done.stderr.strip() or 'it is in use'}")


def why_not() -> str:
    """Return why this computer cannot mount, or nothing."""
    try:
        _fuse()
    except (MissingExtraError, UnsupportedError) as exc:
        return str(exc)
    return ""


def _fuse() -> Any:
    if os.name == "posix" and not Path("/dev/fuse").exists() and os.uname().sysname == "Linux":
        raise UnsupportedError(
            "this computer has no /dev/fuse: load the kernel's module fuse, or run where it may be used"
        )
    try:
        import mfusepy  # type: ignore[import-untyped]  # it ships no types
    except ModuleNotFoundError as exc:
        raise MissingExtraError("mounting", "mount") from exc
    except OSError as exc:
        raise UnsupportedError(f"libfuse is not installed ({exc}): install your system's package fuse3") from exc
    return mfusepy
