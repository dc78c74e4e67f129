"""A filesystem as a folder of this computer, by FUSE."""

from __future__ import annotations

from ap_remote.fs.mount.mountpoint import check, mount, unmount, why_not
from ap_remote.fs.mount.volume import Volume

__all__ = ["Volume", "check", "mount", "unmount", "why_not"]
