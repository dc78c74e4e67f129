"""Files from one account to another: through a temporary file, never through memory, md5 compared on both ends."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ap_remote.transfer.fetching import Wanted, fetch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ap_remote.remote.base import Remote
    from ap_remote.transfer.bandwidth import Flow


@asynccontextmanager
async def brought(remote: Remote, wanted: Wanted, *, flow: Flow) -> AsyncIterator[Path]:
    """Have a remote's file on the disk while the block runs.

    Args:
        remote: whose it is.
        wanted: which; its time becomes the temporary file's.
        flow: holds back its bytes.

    Raises:
        RemoteError: as for :func:`ap_remote.transfer.fetching.fetch`.
        OSError: the system's temporary folder has no room.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ap-relay-"))
    try:
        # Its extension is all that a remote looks at; the name itself may be none that this disk can hold.
        file = folder / "file"
        await fetch(remote, wanted, file, flow=flow)
        yield file
    finally:
        # Not awaited: a cancellation must not leave it behind.
        shutil.rmtree(folder, ignore_errors=True)
