"""A read-only remote over a public link: no account, no cookies, the token in the link is all.

Its root is what the link shows. A share names one node, whose only child may be the folder or album that is meant; a
group's link gives one flat list. Albums within a share are folders here, so that a recursive listing sees all of it
(own choice). The service searches no share: queries are answered over what was listed.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

import msgspec

from ap_remote import mapping
from ap_remote.api import content, nodes, pages, shares
from ap_remote.backends.amazon_download import pieces
from ap_remote.backends.memory_counts import aggregate
from ap_remote.backends.ordering import ordered
from ap_remote.backends.view_names import Item, shown
from ap_remote.errors import (
    AccessDeniedError,
    AmbiguousError,
    AuthenticationError,
    ConfigError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    ProtocolError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, Entry, Facet, Kind, NodeId, Outcome, Ref, Status
from ap_remote.query import matches, parse_search
from ap_remote.remote import paths
from ap_remote.remote.base import Body, Category, Duplicates, IfExists, Remote, Sort
from ap_remote.remote.features import Features
from ap_remote.transport import MARKETPLACES, AnonymousSession, Hosts, Transport

if TYPE_CHECKING:
    from datetime import datetime

    from ap_remote.query import Query
    from ap_remote.transport.call import Call
    from ap_remote.wire.nodes import Node

T = TypeVar("T")

_PLACE: Final = re.compile(r"/(?:photos|clouddrive)/share/(?P<share>[A-Za-z0-9_-]{8,256})/?")
_GROUP: Final = re.compile(r"/photos/groups/share/(?P<group>[A-Za-z0-9_-]{1,256}\.[A-Za-z0-9_-]{8,256})/?")
_HOST: Final = re.compile(r"(?:www\.)?amazon\.(?P<tld>[a-z.]+)")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_DEEPEST: Final = 8
"""Folders that are walked through while each holds nothing but the next."""
_FOLDERS: Final = (Kind.FOLDER, Kind.ALBUM)
_PARAMETERS: Final = {"share": "shareId", "group": "groupShareToken"}


class ShareLink(msgspec.Struct, frozen=True):
    """A public link, taken apart. The token is a secret: whoever has it sees the photographs."""

    kind: Literal["share", "group"]
    token: str
    hosts: Hosts

    def __repr__(self) -> str:
        return f"ShareLink({self.kind}, {self.hosts.metadata})"

    @classmethod
    def parse(cls, text: str) -> ShareLink:
        """Read a link as people copy it; what follows ``?`` or ``#`` does not matter.

        A service on this machine counts as well, by its loopback address.

        Raises:
            ConfigError: it is no link to a share, or not to a site of Amazon's that is known. The sentence does not
                repeat the link.
        """
        try:
            parts = urlsplit(text.strip())
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise ConfigError("this is no link") from None
        hosts = _hosts(parts.scheme, host, port, has_user=parts.username is not None)
        if share := _PLACE.fullmatch(parts.path):
            return cls("share", share["share"], hosts)
        if group := _GROUP.fullmatch(parts.path):
            return cls("group", group["group"], hosts)
        raise ConfigError("this is no link to a share: https://www.amazon.com/photos/share/… is one")


def _hosts(scheme: str, host: str, port: int | None, *, has_user: bool) -> Hosts:
    if host in _LOOPBACK and scheme in ("http", "https") and not has_user:
        name = f"[{host}]" if ":" in host else host
        return Hosts.for_service(f"{scheme}://{name}{'' if port is None else f':{port}'}")
    found = _HOST.fullmatch(host)
    known = next((each for each in MARKETPLACES if found and each.tld == found["tld"]), None)
    if known is None or scheme != "https" or port not in (None, 443) or has_user:
        raise ConfigError("this is no link to a site of Amazon's that is known: https://www.amazon.com/photos/share/…")
    # The content host is not asked for anything by a link: any region will do where the right one is not known.
    return Hosts.for_marketplace(known.tld, region=known.region or "na")


class ShareRemote(Remote):
    """What a public link shows.

    Args:
        transport: sends calls, with an :class:`~ap_remote.transport.AnonymousSession`; closed with the remote.
        kind: which sort of link it is.
        name: the remote's name.
        max_age: seconds for which a listing is served again.
        clock: seconds, from anywhere.
    """

    def __init__(
        self,
        transport: Transport,
        kind: Literal["share", "group"] = "share",
        *,
        name: str = "share",
        max_age: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._kind = kind
        self._name = name
        self._max_age = max_age
        self._clock = clock
        self._top: Entry | None = None
        self._listed: dict[str, tuple[float, list[Entry]]] = {}
        self._seen: dict[str, tuple[float, Entry]] = {}

    @classmethod
    def of(cls, link: ShareLink, *, app: Any = None, **options: Any) -> ShareRemote:
        """Return the remote of a link.

        Args:
            link: from :meth:`ShareLink.parse`.
            app: an ASGI application to speak to instead of the network.
            options: as for the class.
        """
        session = AnonymousSession(link.token, _PARAMETERS[link.kind], link.hosts)
        return cls(Transport(session, app=app), link.kind, **options)

    def __repr__(self) -> str:
        return f"ShareRemote({self._name!r}, {self._kind!r})"

    @property
    def name(self) -> str:
        """The remote's name."""
        return self._name

    @property
    def features(self) -> Features:
        """It can be read."""
        return Features(read_only=True, server_side_move=False, trash=False, duplicate_names=True)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield what lies under a folder of the share. Entries of one name are told apart as they are in views."""
        place = await self._find(target)
        if not place.is_folder:
            raise IsFileError(place.path)
        todo = [(place.id, iter(await self._children(place, fresh=fresh)))]
        while todo:
            entry = next(todo[-1][1], None)
            if entry is None:
                todo.pop()
                continue
            yield entry
            # A folder that lies within itself is not entered again.
            if recursive and entry.is_folder and all(entry.id != above for above, _ in todo):
                todo.append((entry.id, iter(await self._children(entry, fresh=fresh))))

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return one entry."""
        if fresh:
            self._listed.clear()
            self._seen.clear()
        return await self._find(target)

    async def get(self, target: Ref, *, span: ByteRange | None = None) -> AsyncIterator[bytes]:
        """Yield a file's bytes, checked as those of an account's own files are."""
        entry = await self._find(target)
        if entry.is_folder:
            raise IsFolderError(entry.path)
        # The content host wants cookies; the redirect and what it leads to do not.
        reading = pieces(self._transport, entry, span or ByteRange(), ways=("redirect", "link"))
        async with aclosing(reading) as coming:
            async for piece in coming:
                yield piece

    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return an upright JPEG of a picture or a film."""
        entry = await self._find(target)
        if not (entry.is_photo or entry.is_video):
            raise UnsupportedError(f"no rendition can be made: {entry.path!r} is no picture and no film")
        try:
            return await self._send(content.thumbnail(entry.id, entry.owner_id, size))
        except (NotFoundError, ProtocolError) as exc:
            raise UnsupportedError(f"the service has no rendition of {entry.path!r}") from exc

    def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds among all that is shared; the query is read at once."""
        return self._search(parse_search(query), sort, limit)

    async def aggregations(self, category: Category, *, query: str = "") -> Sequence[Facet]:
        """Count what is shared by a category."""
        return aggregate(await self._found(parse_search(query)), category)

    async def close(self) -> None:
        """Release connections."""
        await self._transport.close()

    # -- what a link cannot --------------------------------------------------------------------------------------------

    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Refuse."""
        del source, if_exists, duplicates, taken
        self._refuse(f"put {path!r}")

    async def trash(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        self._refuse(f"trash {len(targets)} entries")

    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        self._refuse(f"restore {len(targets)} entries")

    async def delete(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        self._refuse(f"delete {len(targets)} entries")

    def _refuse(self, what: str) -> NoReturn:
        raise AccessDeniedError(f"{self._name}: a link is for reading, will not {what}")

    # -- finding -------------------------------------------------------------------------------------------------------

    async def _root(self) -> Entry:
        """Return what the link shows, having walked through folders that hold but one other."""
        if self._top is not None:
            return self._top
        if self._kind == "group":
            top = Entry(path="", name="", id="group", kind=Kind.FOLDER)
        else:
            node = (await self._send(shares.share())).node_info
            top = Entry(path="", name="", id=node.id, kind=Kind.FOLDER)
            for _ in range(_DEEPEST):
                inside = await self._ask(top)
                if len(inside) != 1 or not inside[0].is_folder:
                    break
                top = msgspec.structs.replace(inside[0], path="", name="")
        self._top = top
        return top

    async def _find(self, target: Ref) -> Entry:
        """Return what a path or an id names.

        Raises:
            NotFoundError: nothing of what is shared.
            AmbiguousError: several have this name.
        """
        if isinstance(target, NodeId):
            return await self._by_id(target)
        at = await self._root()
        path = paths.normalise(target)
        for name in paths.components(path):
            if not at.is_folder:
                raise NotFoundError(path)
            inside = await self._children(at)
            wanted = paths.fold(name)
            found = next((each for each in inside if paths.fold(paths.split(each.path)[1]) == wanted), None)
            if found is None and (alike := [each.id for each in inside if paths.fold(each.name) == wanted]):
                raise AmbiguousError(path, alike)
            if found is None:
                raise NotFoundError(path)
            at = found
        return at

    async def _by_id(self, target: NodeId) -> Entry:
        root = await self._root()
        if target.value == root.id:
            return root
        kept = self._seen.get(target.value)
        if kept is not None and self._clock() - kept[0] < self._max_age:
            return kept[1]
        async for entry in self.list("", recursive=True):
            if entry.id == target.value:
                return entry
        raise NotFoundError(str(target))

    async def _children(self, folder: Entry, *, fresh: bool = False) -> Sequence[Entry]:
        """Return what is directly in a folder, by folded name, at its path."""
        kept = self._listed.get(folder.id)
        if kept is not None and not fresh and self._clock() - kept[0] < self._max_age:
            return kept[1]
        entries = sorted(await self._ask(folder), key=lambda entry: (paths.fold(entry.name), entry.id))
        names = shown([Item(name=entry.name, key=entry.id, entry=entry) for entry in entries])
        placed = [
            msgspec.structs.replace(entry, path=paths.join(folder.path, name))
            for entry, name in zip(entries, names, strict=True)
        ]
        self._listed[folder.id] = (self._clock(), placed)
        self._seen.update({entry.id: (self._clock(), entry) for entry in placed})
        return placed

    async def _send(self, call: Call[T]) -> T:
        try:
            return await self._transport.send(call)
        except AuthenticationError as exc:
            raise AuthenticationError("the link is not accepted: it may have been withdrawn") from exc

    async def _ask(self, folder: Entry) -> Sequence[Entry]:
        """Return what the service lists in a folder."""
        send = self._send
        rows: list[Node]
        if self._kind == "group":
            rows = [row async for row in pages.iterate(send, partial(shares.group), wall=None)]
        else:
            rows = [row async for row in pages.iterate(send, partial(nodes.children, folder.id))]
        entries = [mapping.entry(row, path="") for row in rows]
        return [_as_folder(each) for each in entries if each.status is Status.AVAILABLE and each.kind is not Kind.ASSET]

    async def _found(self, query: Query) -> Sequence[Entry]:
        everything = [entry async for entry in self.list("", recursive=True)]
        return [entry for entry in everything if not entry.is_folder and matches(query, entry)]

    async def _search(self, query: Query, sort: Sort, limit: int | None) -> AsyncIterator[Entry]:
        for entry in ordered(await self._found(query), sort)[:limit]:
            yield entry


def _as_folder(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, kind=Kind.FOLDER) if entry.kind in _FOLDERS else entry
