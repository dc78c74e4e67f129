"""fsspec over any remote: a filesystem class, its files, and what keeps both from losing data.

:class:`RemoteFileSystem` is a chain of layers, a module each. A layer calls those before it, and changes what one of
them does by overriding its coroutine. From the ground up, with what each promises:

========================  ==============================================================================================
``base.RemoteBase``       one remote per event loop, opened late and closed at the end; absolute paths
``listing.Listing``       one entry, one folder; only what says that nothing is there means absence
``walking.Walking``       trees and patterns; a broken listing is an error, a name that exists is no pattern
``reading.Reading``       bytes of one version of a file, never of two
``content.Content``       one file: ranges of it, its upload, download and copy
``albums.Albums``         a copy into the view of an album adds to the album
``bulk.Bulk``             many files: every target is settled and checked before the first byte; hands on plain lists
``changes.Changes``       folders, moves, the trash; all targets are looked at before the first is touched
``at_once.AtOnce``        what the node cache knows is told on the calling thread
``forgetting.Forgetting`` the listings cache forgets what a write may have touched; so it stands over all that write
``filesystem``            opening, and the faces that fsspec wants besides
========================  ==============================================================================================
"""

from __future__ import annotations

from ap_remote.fs.files import RemoteFile
from ap_remote.fs.filesystem import RemoteFileSystem

__all__ = ["RemoteFile", "RemoteFileSystem"]
