"""``ap://`` and ``amazonphotos://`` for everything that speaks fsspec.

fsspec.open("ap://Pictures/a.jpg")            the default remote (AP_REMOTE, else local:)
fsspec.open("ap:///Pictures/a.jpg")           the same
fsspec.open("ap://home@/Pictures/a.jpg")      the account "home"
pandas.read_csv("ap://trips.csv", storage_options={"remote": "home:"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from ap_remote.errors import ConfigError
from ap_remote.fs import RemoteFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ap_remote.fs.blocks import BlockCache
    from ap_remote.remote.base import Remote

_PROTOCOLS: Final = ("ap", "amazonphotos")
_SECRETS: Final = frozenset({"access_token", "cookies", "credentials", "key", "password", "secret", "token"})
"""Options that other filesystems take. Ours would end up in pickles, JSON and task graphs."""


class _Factory(msgspec.Struct, frozen=True):
    """Makes the remote that a spec names; the settings are read then, not before."""

    spec: str | None

    def __call__(self) -> Remote:
        from ap_remote.connect import connect

        return connect(self.spec)


class _Strip:
    """Strips any URL for the class, and for an instance only those that do not name another account.

    Whoever hands one filesystem the URLs of all (``fsspec.generic.rsync``, duckdb) would otherwise read and write the
    account that the filesystem was made for instead of the one that the URL names.
    """

    def __get__(self, fs: AmazonPhotosFileSystem | None, owner: type[AmazonPhotosFileSystem]) -> Callable[[Any], Any]:
        return owner._strip_any if fs is None else fs._strip_own  # noqa: SLF001 - the class's own halves


class AmazonPhotosFileSystem(RemoteFileSystem):
    """The filesystem behind ``ap://``. Its options are names, so it can be pickled and written down safely."""

    protocol: ClassVar[tuple[str, ...]] = _PROTOCOLS
    _strip_protocol = _Strip()  # type: ignore[assignment]  # what fsspec calls on the class and on instances alike

    def __init__(
        self,
        *,
        remote: str | None = None,
        fresh: bool = False,
        block_cache: bool | int | str | None = None,
        **options: Any,
    ) -> None:
        """Keep the options; nothing is opened before the first use.

        Args:
            remote: an account's name and a colon (``local:``, ``home:``); ``None`` is the default remote.
            fresh: ask the service even where the node cache could answer.
            block_cache: keep on the disk what is read of files, up to so much: bytes, or a text such as ``"2 GiB"``;
                ``True`` is 10 GiB. All processes that read the account share it.
            options: those of :class:`~ap_remote.fs.RemoteFileSystem` (``asynchronous``, ``batch_size`` ...).

        Raises:
            ConfigError: *remote* is no such name, or a secret was given as an option.
        """
        secrets = sorted(_SECRETS & options.keys())
        if secrets:
            raise ConfigError(
                f"{secrets[0]!r} is no option here: configure an account (`ap login`) and name it, remote='home:'",
            )
        if remote is not None and not _is_account(remote):
            raise ConfigError("remote must be an account's name and a colon, as in 'home:'; the path is the URL's")
        super().__init__(_Factory(remote), fresh=fresh, **options)
        self.remote = remote
        self.block_cache = self._make_block_cache(block_cache)

    @classmethod
    def _strip_any(cls, path: Any) -> Any:
        if isinstance(path, str):
            _, path = _split(path)
        return super()._strip_protocol(path)

    def _strip_own(self, path: Any) -> Any:
        for each in path if isinstance(path, list) else [path]:
            account = _split(each)[0] if isinstance(each, str) else None
            if account is not None and account != self._account():
                raise ConfigError(
                    f"this filesystem is that of the account {self._account()!r}, the URL names {account!r}: make one "
                    f"with fsspec.filesystem({_PROTOCOLS[0]!r}, remote='{account}:')",
                )
        return self._strip_any(path)

    def _account(self) -> str:
        from ap_remote.config import load
        from ap_remote.connect import split_spec

        return self.remote.removesuffix(":") if self.remote is not None else split_spec(None, load())[0]

    def _make_block_cache(self, limit: bool | int | str | None) -> BlockCache | None:  # noqa: FBT001 - an option as it came
        if isinstance(limit, str):
            from ap_remote.transfer.units import parse_size

            limit = parse_size(limit.replace(" ", ""))
        if limit is None or limit is False:
            return None
        from ap_remote.config import load
        from ap_remote.fs.blocks import LIMIT, BlockCache

        if limit is not True and limit <= 0:
            raise ConfigError(f"block_cache is a size above nought, True or False, not {limit}")
        folder = load().folder(self._account()) / "blocks"
        return BlockCache(folder, LIMIT if limit is True else limit)

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        account, _ = _split(path)
        return {} if account is None else {"remote": f"{account}:"}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.storage_options.items())})"
        )

    def unstrip_protocol(self, name: str) -> str:
        """Return the URL of a path, with the account that this filesystem was made for."""
        account = "" if self.remote is None else self.remote.removesuffix(":") + "@"
        return f"{_PROTOCOLS[0]}://{account}{self._strip_protocol(name)}"


def _split(url: str) -> tuple[str | None, str]:
    """Return the account and the path of ``ap://ACCOUNT@/path``; a plain path is its own and has no account."""
    for protocol in _PROTOCOLS:
        mark = f"{protocol}://"
        if url.startswith(mark):
            head, _, rest = url.removeprefix(mark).partition("/")
            if head.endswith("@"):
                return head[:-1] or None, f"/{rest}"
            return None, url
    return None, url


def _is_account(remote: object) -> bool:
    return isinstance(remote, str) and len(remote) > 1 and remote.endswith(":") and remote.count(":") == 1
