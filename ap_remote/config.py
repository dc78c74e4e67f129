"""Settings from arguments, environment and file, in this order of weight, as one frozen struct.

The file is TOML::

    default = "home:"                 # AP_REMOTE
    index = "exact"                   # what serves semantic searches; by default their number and the machine tell
    vectors = "s3://bucket/{account}" # where their vectors lie: any filesystem of fsspec, by default beside the index

    [accounts.home]
    kind = "amazon"                   # the cookies live in a file of their own, mode 0600, or: store = "keyring"
    tld = "com"

    [accounts.studio]
    kind = "service"                  # a local service on a port (`ap emulator`)
    url = "http://127.0.0.1:8400"
    credentials = "/srv/photos/credentials.json"
    rate = 50                         # requests per second; Amazon is asked 10 at most unless this says otherwise
    concurrency = 8                   # requests in flight; Amazon: 6, a service of one's own: any number

``local:`` and ``memory:`` exist without being configured. ``AP_CONFIG`` names another file, ``AP_HOME`` another home
for data and caches, ``AP_REMOTE`` the default remote.
"""

from __future__ import annotations

import math
import os
import tomllib
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import platformdirs
import tomli_w

from ap_remote.atomic import write_atomically
from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCAL: Final = "local"
FILE: Final = "file"
KEYRING: Final = "keyring"
_APP: Final = "ap_remote"
_ACCOUNT: Final = "{account}"
_NAMED: Final = frozenset({"abfs", "abfss", "az", "hdfs", "oci", "sftp", "smb", "ssh", "webhdfs"})
"""Filesystems in whose addresses a container or a user stands before the ``@``, which is no secret."""


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A configured remote. Credentials are never in here, only the path of their file."""

    name: str
    kind: str = "amazon"
    """``amazon``, ``service`` (a local service on a port), ``local`` (embedded), ``memory``."""
    tld: str | None = None
    region: str | None = None
    url: str | None = None
    credentials: str | None = None
    store: str = FILE
    """Where an Amazon account's cookies are kept: ``file``, or ``keyring`` for the system's."""
    rate: float | None = None
    """Requests per second; ``None``: 10 for Amazon, no limit for a service of one's own."""
    concurrency: int | None = None
    """Requests that wait for their answer at one time; ``None``: 6 for Amazon, no limit for a service of one's own."""

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError("rate is more than 0 requests per second")
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError("concurrency is 1 request at least")


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept of the service's answers."""

    folder: Path
    keep_names: bool = False
    """Leave names of files, albums and people as they are."""


_RECORDING: ContextVar[Recording | None] = ContextVar("_RECORDING", default=None)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was decided before the program begins."""

    home: Path
    """Data and caches; one folder per account beneath ``accounts/``."""
    file: Path
    default: str = "local:"
    accounts: dict[str, Account] = msgspec.field(default_factory=dict)
    max_age: float = 60.0
    """Seconds for which the node cache may answer without asking the service."""
    index: str | None = None
    """What serves semantic searches, of :data:`ap_remote.semantic.tiers.NAMES`; ``None`` lets size and machine tell."""
    vectors: str | None = None
    """Where semantic indexes keep their vectors, with ``{account}`` for an account's name; see :meth:`vectors_of`."""
    record: Recording | None = None
    """Keep every answer, redacted."""

    def account(self, name: str) -> Account:
        """Return the account of that name.

        Raises:
            ConfigError: it is not configured.
        """
        if name in self.accounts:
            return self.accounts[name]
        if name in (LOCAL, "memory"):
            return Account(name=name, kind=name)
        known = ", ".join(f"{each}:" for each in (LOCAL, *sorted(self.accounts)))
        message = f"no account named {name!r}; known are {known} (`ap login NAME` adds one)"
        raise ConfigError(message)

    def folder(self, name: str) -> Path:
        """Return the folder that keeps an account's cache, index and journals; it may not exist yet."""
        return self.home / "accounts" / name

    def vectors_of(self, name: str) -> str | None:
        """Return where an account's vectors lie, a path or an address of fsspec; ``None``: beside its index."""
        return None if self.vectors is None else self.vectors.replace(_ACCOUNT, name)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    default: str | None = None
    max_age: float | None = None
    index: str | None = None
    vectors: str | None = None
    accounts: dict[str, dict[str, str | int | float]] = msgspec.field(default_factory=dict)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings that hold for this process.

    Raises:
        ConfigError: the file is not TOML, or has a key that nobody knows.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("AP_HOME") or platformdirs.user_data_path(_APP)).expanduser()
    default_file = home / "config.toml" if "AP_HOME" in env else platformdirs.user_config_path(_APP) / "config.toml"
    file = Path(env.get("AP_CONFIG") or default_file).expanduser()
    content = _read(file)
    accounts = {name: _account(name, fields, file) for name, fields in content.accounts.items()}
    return Settings(
        home=home,
        file=file,
        default=env.get("AP_REMOTE") or content.default or f"{LOCAL}:",
        accounts=accounts,
        max_age=60.0 if content.max_age is None else content.max_age,
        index=content.index,
        vectors=_vectors(content.vectors, file),
        record=_RECORDING.get(),
    )


@contextmanager
def recorded(folder: Path, *, keep_names: bool = False) -> Iterator[None]:
    """Let what is loaded meanwhile say that every answer of a service is to be kept in *folder*."""
    token = _RECORDING.set(Recording(folder=folder.expanduser().absolute(), keep_names=keep_names))
    try:
        yield
    finally:
        _RECORDING.reset(token)


def is_name(name: str) -> bool:
    """Whether an account may be called so: it names a folder, stands before a colon, and is not a built-in one."""
    return bool(name) and not any(char in name for char in ":/\\\0") and name not in (LOCAL, "memory", "id", ".", "..")


def harmless(address: str) -> str:
    """Return an address of fsspec without what lets its reader in: what is before an ``@``, what is after a ``?``."""
    return "::".join(_harmless(each) for each in address.split("::"))


def _harmless(link: str) -> str:
    scheme, marks, rest = link.partition("://")
    if not marks:
        return link
    host, slash, path = rest.partition("/")
    before, _, after = host.rpartition("@")
    kept = host if scheme in _NAMED and ":" not in before else after
    return f"{scheme}{marks}{kept}{slash}{path}".partition("?")[0]


def add_account(settings: Settings, account: Account) -> Settings:
    """Write one more account to the file and return the settings with it."""
    accounts = {**settings.accounts, account.name: account}
    return _write(settings, accounts)


def remove_account(settings: Settings, name: str) -> Settings:
    """Take an account out of the file; its cache folder stays."""
    settings.account(name)
    return _write(settings, {key: each for key, each in settings.accounts.items() if key != name})


def _write(settings: Settings, accounts: dict[str, Account]) -> Settings:
    tables = {
        name: {key: value for key, value in msgspec.to_builtins(each).items() if key != "name"}
        for name, each in accounts.items()
    }
    document = tomllib.loads(settings.file.read_text("utf-8")) if settings.file.exists() else {}
    document["accounts"] = tables
    settings.file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(settings.file, tomli_w.dumps(document).encode())
    return msgspec.structs.replace(settings, accounts=accounts)


def _read(file: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
    except FileNotFoundError:
        return _File()
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as exc:
        message = f"{file}: {exc}"
        raise ConfigError(message) from exc


def _vectors(address: str | None, file: Path) -> str | None:
    """Return the address as it is used.

    Raises:
        ConfigError: it lets in whoever reads it, would be one for all accounts, or depends on the current folder.
    """
    if address is None:
        return None
    shown = harmless(address)
    if shown != address:
        message = (
            f"{file}: the address of the vectors, {shown}, says how to get in: leave that to fsspec's own configuration"
        )
        raise ConfigError(message)
    if _ACCOUNT not in address:
        raise ConfigError(
            f"{file}: vectors must name {_ACCOUNT}, so that each account has a folder of its own: {shown}"
        )
    if "://" in address:
        return address
    path = Path(address).expanduser()
    if not path.is_absolute():
        raise ConfigError(f"{file}: vectors must be an address, or a path from the root: {shown}")
    return str(path)


def _account(name: str, fields: dict[str, str | int | float], file: Path) -> Account:
    unknown = set(fields) - set(Account.__struct_fields__)
    if unknown:
        message = f"{file}: account {name!r} has unknown settings: {', '.join(sorted(unknown))}"
        raise ConfigError(message)
    if not is_name(name):
        message = f"{file}: {name!r} cannot be an account's name"
        raise ConfigError(message)
    if fields.get("store", FILE) not in (FILE, KEYRING):
        raise ConfigError(f"{file}: account {name!r} keeps its cookies in {FILE!r} or {KEYRING!r}, nowhere else")
    try:
        return msgspec.convert({"kind": "amazon", **fields, "name": name}, Account)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"{file}: account {name!r}: {exc}") from exc
