"""The contract of a remote: nine verbs, what each promises, what each raises.

Implementations are :class:`ap_remote.backends.amazon.AmazonPhotosRemote` and
:class:`ap_remote.backends.memory.MemoryRemote`; ``tests/contracts/remote.py`` holds both to this page.

A target is a path or a :class:`~ap_remote.model.NodeId`. Paths are normalised by the remote. Names within a folder
are unique without regard to case. Every verb may raise :class:`~ap_remote.errors.AuthenticationError` and
:class:`~ap_remote.errors.TransportError`; a path that cannot be a path raises
:class:`~ap_remote.errors.InvalidNameError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime
    from types import TracebackType

    from ap_remote.model import ByteRange, Entry, Facet, Outcome, Ref
    from ap_remote.remote.features import Features


class Measured(msgspec.Struct, frozen=True):
    """A local file whose size and md5 are known already, so that it need not be read twice."""

    path: Path
    md5: str
    """Lower-case hexadecimal. Where it is not that of the bytes that are sent, ``put`` fails and nothing is kept."""
    size: int


Body = bytes | Path | Measured
"""What ``put`` uploads: bytes in hand, or a local file that is streamed."""

IfExists = Literal["fail", "overwrite"]
"""What ``put`` does when the name is taken by a file."""

Duplicates = Literal["keep", "refuse"]
"""What ``put`` does when the account already holds the same bytes elsewhere."""

Sort = Literal["taken", "-taken", "created", "-created", "name", "-name"]
"""The orders that Amazon's search offers; ``-`` is descending."""

Category = Literal[
    "allPeople",
    "clusterId",
    "familyMembers",
    "favorite",
    "location",
    "people",
    "things",
    "time",
    "type",
]
"""Amazon's nine aggregation categories."""


class Remote(ABC):
    """Something that answers the nine verbs. Use it as an async context manager, or call :meth:`close`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The account's name as in ``name:path``."""

    @property
    @abstractmethod
    def features(self) -> Features:
        """Facts about this remote that callers may rely on."""

    @abstractmethod
    def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield the entries directly under a folder, an album or a view; with *recursive* all below, parents first.

        Order within a folder is by name without regard to case. The folder itself is not among them. Trashed entries
        and the virtual ``.views`` are left out unless the target lies there. A listing that could not be completed
        raises; it never ends early.

        Args:
            target: what to list.
            recursive: descend into folders (not into albums).
            fresh: ask the service even where the node cache could answer.

        Raises:
            NotFoundError: nothing is at *target*.
            IsFileError: *target* is a file.
            IncompleteListingError: the listing broke off.
        """

    @abstractmethod
    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return one entry. The root has the path and the name ``""``.

        Raises:
            NotFoundError: nothing is at *target*, or it is in the trash (a trashed node is found by id).
            AmbiguousError: a view holds several entries of that name.
        """

    @abstractmethod
    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Upload one file to *path* and return its entry; parent folders are made as needed.

        The stored md5 is compared with the md5 of what was sent. Nothing appears under *path* unless the upload was
        complete. Overwriting keeps the node's id and raises its version.

        ``.views/albums/<album>/<name>`` puts the file into an album, which is made as needed: what the account holds
        under that name with these bytes is added, anything else is uploaded to ``Pictures/<album>`` and added.

        Args:
            source: bytes, or the path of a local file, which is streamed.
            path: the full path of the new file.
            if_exists: ``overwrite`` replaces the content of a file of that name.
            duplicates: ``refuse`` raises when the account holds the same bytes already.
            taken: the capture time to record where the file does not say it itself.

        Raises:
            AlreadyExistsError: the name is taken and *if_exists* is ``fail``.
            DuplicateContentError: *duplicates* is ``refuse`` and the bytes are known.
            IsFolderError: a folder is at *path*, or *path* is the root.
            IsFileError: a parent is a file.
            IntegrityError: the service stored something else.
            OutcomeUnknownError: the connection broke after the bytes had left, and looking did not settle it.
            UnsupportedError: *path* lies in the views, and is no place in an album.
        """

    @abstractmethod
    def get(self, target: Ref, *, span: ByteRange | None = None) -> AsyncIterator[bytes]:
        """Yield a file's bytes in order, in pieces of any size but zero.

        Length is checked always, md5 when the whole file is read; a mismatch raises after the last piece, so keep the
        bytes apart until the iteration ended.

        Raises:
            NotFoundError: nothing is at *target*.
            IsFolderError: *target* is a folder or an album.
            IntegrityError: length or md5 differ.
        """

    @abstractmethod
    async def trash(self, *targets: Ref) -> Sequence[Outcome]:
        """Put entries in the bin; a folder takes all below it along. Members of an album stay where they are.

        A path ``.views/albums/<album>/<name>`` takes the photograph out of the album and leaves it in its folder; the
        outcome's action is ``remove`` then. A path in a view that is only for looking is refused.

        Every target is tried. What is in the trash already counts as done.

        Raises:
            NotFoundError: a single target does not exist.
            UnsupportedError: a single target is a path in a view that is only for looking.
            BatchError: some of several targets failed.
        """

    @abstractmethod
    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Take entries out of the bin, to the path they had. A taken name is changed by the service.

        A path names the trashed entry that had it.

        Raises:
            NotInTrashError: a single target is not in the trash.
            AmbiguousError: several trashed entries had that path.
            BatchError: some of several targets failed.
        """

    @abstractmethod
    async def delete(self, *targets: Ref) -> Sequence[Outcome]:
        """Remove trashed entries for ever. There is no way back, and an entry that is not trashed is refused.

        Raises:
            NotInTrashError: a single target is not in the trash.
            AmbiguousError: several trashed entries had that path.
            BatchError: some of several targets failed.
        """

    @abstractmethod
    def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query in Amazon's search syntax finds, e.g. ``type:(PHOTOS) AND timeYear:(2023)``.

        Photographs, videos and albums are found; hidden and trashed ones are not. ``""`` finds all photographs and
        videos. Each entry comes once.

        Raises:
            QuerySyntaxError: with the position in *query*, before anything is sent.
        """

    @abstractmethod
    async def aggregations(self, category: Category, *, query: str = "") -> Sequence[Facet]:
        """Count entries by a category, most frequent first, among those that *query* finds.

        Raises:
            QuerySyntaxError: as for :meth:`search`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release connections and files. Closing twice is allowed."""

    async def __aenter__(self) -> Self:
        """Return the remote itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the remote."""
        await self.close()
