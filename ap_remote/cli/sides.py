"""The two ends of a transfer as a person writes them: ``NAME:PATH`` is on a remote, all else on a local disk."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote import config
from ap_remote.connect import resolve, split_spec
from ap_remote.errors import ConfigError, FolderNotFoundError, NotFoundError
from ap_remote.model import NodeId
from ap_remote.remote.paths import normalise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ap_remote.remote.base import Remote
    from ap_remote.transfer.sides import Side

_DIGESTS: Final = "digests.sqlite"
_SEPARATORS: Final = tuple(filter(None, {"/", os.sep, os.altsep}))


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end, as it was written."""

    text: str
    is_remote: bool

    @property
    def path(self) -> Path:
        """The local path; only for an end that is local."""
        return Path(os.path.abspath(Path(self.text).expanduser()))  # noqa: PTH100 - a symbolic link stays what it is

    @property
    def account(self) -> str:
        """The account's name; empty for an end that is local."""
        return split_spec(self.text, config.load())[0] if self.is_remote else ""

    @property
    def place(self) -> str:
        """The path alone, on its remote or on the disk."""
        return normalise(split_spec(self.text, config.load())[1]) if self.is_remote else str(self.path)

    @property
    def label(self) -> str:
        """How it is written so that it means the same in another folder, on another day."""
        return self.text if self.is_remote else str(self.path)


def end_of(text: str, *, windows: bool = sys.platform == "win32") -> End:
    """Read one end. One letter before the colon is a drive on Windows, and an account elsewhere.

    Raises:
        ConfigError: nothing was written.
    """
    if not text:
        raise ConfigError("an empty path: the folder you stand in is written ., a remote's root NAME:")
    name, colon, _ = text.partition(":")
    is_drive = windows and len(name) == 1
    is_remote = bool(colon) and not is_drive and not any(each in name for each in _SEPARATORS)
    return End(text=text, is_remote=is_remote)


def ends_of(source: str, target: str) -> tuple[End, End]:
    """Read both ends.

    Raises:
        ConfigError: both are local, or an account is not configured.
    """
    ends = end_of(source), end_of(target)
    if not any(end.is_remote for end in ends):
        raise ConfigError(
            f"both are on this machine, for which cp and rsync are made; "
            f"one of them should be NAME:PATH, e.g. local:{target.strip('/') or 'Pictures'}"
        )
    settings = config.load()
    for end in ends:
        name = end.text.partition(":")[0]
        if end.is_remote and name != "id" and os.path.lexists(end.text):
            try:
                settings.account(name)
            except ConfigError as exc:
                raise ConfigError(f"{exc}; the local file of that name is written ./{end.text}") from exc
    return ends


@asynccontextmanager
async def opened(
    source: End, target: End, *, only: frozenset[str] | None = None, must_exist: bool = True
) -> AsyncIterator[tuple[Side, Side]]:
    """Open both sides; two ends of one account share its connection.

    Args:
        source: whence.
        target: whither; it need not exist yet.
        only: of a local source, these names in it.
        must_exist: whether there has to be a source.

    Raises:
        FolderNotFoundError: there is no source.
        NotFoundError: the target is named by an id that is not there.
    """
    async with AsyncExitStack() as stack:
        remotes: dict[str, Remote] = {}
        first = await _opened(source, stack, remotes, only=only)
        second = await _opened(target, stack, remotes)
        if must_exist:
            await _look_at_source(first, source)
        await _look_at_target(second)
        yield first, second


async def _opened(
    end: End, stack: AsyncExitStack, remotes: dict[str, Remote], *, only: frozenset[str] | None = None
) -> Side:
    from ap_remote.transfer.account import Account
    from ap_remote.transfer.digests import Digests
    from ap_remote.transfer.disk import Disk

    if not end.is_remote:
        digests = stack.enter_context(closing(Digests(config.load().home / _DIGESTS)))
        return Disk(end.path, only=only, digests=digests)
    remote, ref = resolve(end.text)
    if remote.name in remotes:
        await remote.close()
    else:
        remotes[remote.name] = await stack.enter_async_context(remote)
    return Account(remotes[remote.name], ref, label=end.label)


async def _look_at_source(side: Side, end: End) -> None:
    from ap_remote.transfer.account import Account

    if not isinstance(side, Account):
        if not end.path.exists():
            raise FolderNotFoundError(end.text)
        return
    try:
        await side.look_up()
    except NotFoundError as exc:
        raise FolderNotFoundError(end.text) from exc


async def _look_at_target(side: Side) -> None:
    """Find the folder that an id names; a path need not exist yet."""
    from ap_remote.transfer.account import Account

    if isinstance(side, Account) and isinstance(side.target, NodeId):
        await side.look_up()
