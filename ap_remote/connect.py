"""The composition root: a spec such as ``local:`` or ``home:Pictures`` to a ready remote.

A spec is an account's name, a colon and a path, as in rclone. Without a colon it is a path on the default remote.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote import config
from ap_remote.atomic import make_private
from ap_remote.errors import AuthenticationError, ConfigError, StoreError
from ap_remote.remote.paths import parse_ref
from ap_remote.remote.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.config import Account, Recording, Settings
    from ap_remote.model import Ref
    from ap_remote.remote.base import Remote
    from ap_remote.semantic import SemanticIndex
    from ap_remote.semantic.distributed import Cluster
    from ap_remote.transport import Discovery, Hosts, Store, Transport
    from ap_remote.transport.recording import Recorder

SERVICES: Final = "ap_remote.services"
"""Entry point group under which the embedded service registers itself."""
_LOCK: Final = "session.lock"
_IN_PROCESS: Final = {
    config.LOCAL: "the library is inside one process, which the workers of a cluster cannot share: serve it with "
    "`ap emulator --port 8000`, add that as an account of kind service, and build over that account",
    "memory": "what is in the memory of one process cannot be shared by the workers of a cluster",
}


def connect(spec: str | None = None, *, settings: Settings | None = None, record: Path | None = None) -> Remote:
    """Return the remote that *spec* names; the path in it is ignored.

    Args:
        spec: ``local:``, ``home:`` …; ``None`` is the default remote (``AP_REMOTE``, else ``local:``).
        settings: what :func:`ap_remote.config.load` returns, to save reading it again.
        record: a new folder that keeps every answer, redacted (:mod:`ap_remote.transport.recording`).

    Raises:
        ConfigError: no such account.
        AuthenticationError: its credentials are missing.
    """
    remote, _ = resolve(spec, settings=_recording(settings or config.load(), record))
    return remote


def resolve(spec: str | None = None, *, settings: Settings | None = None) -> tuple[Remote, Ref]:
    """Return the remote that *spec* names, and the path or id within it.

    Raises:
        ConfigError: no such account.
        AuthenticationError: its credentials are missing.
        InvalidNameError: the path cannot be one.
    """
    settings = settings or config.load()
    name, path = split_spec(spec, settings)
    return _REGISTRY.make(settings.account(name), settings), parse_ref(path)


def split_spec(spec: str | None, settings: Settings) -> tuple[str, str]:
    """Return the account's name and the path."""
    default, _, default_path = settings.default.partition(":")
    if not spec:
        return default, default_path
    name, colon, path = spec.partition(":")
    if colon and name != "id":
        return name, path
    return default, spec


def semantic_index(
    spec: str | None = None,
    *,
    settings: Settings | None = None,
    encoder: str | None = None,
    device: str | None = None,
    compiled: bool = False,
) -> SemanticIndex:
    """Return the semantic index of an account; nothing heavy is imported before it is used.

    *encoder*, *device* and *compiled* are those of :class:`~ap_remote.semantic.SemanticIndex`; what serves
    searches, and where vectors lie, are settings.
    """
    from ap_remote.semantic import SemanticIndex

    settings = settings or config.load()
    name, _ = split_spec(spec, settings)
    folder = settings.folder(settings.account(name).name) / "semantic"
    vectors = settings.vectors_of(name)
    return SemanticIndex(folder, encoder, vectors=vectors, device=device, compiled=compiled, tier=settings.index)


def cluster(
    address: str,
    spec: str | None = None,
    *,
    settings: Settings | None = None,
    device: str | None = None,
    compiled: bool = False,
) -> Cluster:
    """Return a dask cluster whose workers can build the semantic index of an account.

    They open the account by its name and by their own configuration: no credentials travel.

    Args:
        address: of the scheduler, e.g. ``tcp://10.0.0.1:8786``.
        spec: whose account, as :func:`connect` takes it.
        settings: what :func:`ap_remote.config.load` returns, to save reading it again.
        device: where workers compute, as :func:`~ap_remote.semantic.registry.load_encoder` takes it.
        compiled: let ``torch.compile`` translate the encoder.

    Raises:
        ConfigError: no such account, or one that worker processes cannot share.
        MissingExtraError: a library is not installed.
    """
    from ap_remote.semantic.extras import need

    need("numpy")
    from ap_remote.semantic.distributed import Cluster

    settings = settings or config.load()
    name, _ = split_spec(spec, settings)
    account = settings.account(name)
    if account.kind in _IN_PROCESS:
        raise ConfigError(f"{account.name}: {_IN_PROCESS[account.kind]}")
    return Cluster(address, partial(connect_same, account.name, _mark(account)), device=device, compiled=compiled)


def connect_same(name: str, mark: str) -> Remote:
    """Return the account of that name, in a worker of a cluster.

    Raises:
        ConfigError: it is not known there, or it is another one.
        AuthenticationError: its credentials are missing there.
    """
    settings = config.load()
    if _mark(settings.account(name)) != mark:
        raise ConfigError(f"the account {name!r} is another one there: give it the same kind, marketplace and address")
    return connect(f"{name}:", settings=settings)


def _mark(account: Account) -> str:
    """Return what tells an account from others; not where its credentials are, which may differ by machine."""
    return hashlib.sha256(f"{account.kind} {account.tld} {account.url}".encode()).hexdigest()[:16]


def plans_folder(spec: str | None = None, *, settings: Settings | None = None) -> Path:
    """Return the folder that keeps an account's plans and journals."""
    settings = settings or config.load()
    name, _ = split_spec(spec, settings)
    return settings.folder(settings.account(name).name) / "plans"


def from_cookies(
    cookies: Mapping[str, str],
    *,
    tld: str | None = None,
    region: str | None = None,
    settings: Settings | None = None,
    record: Path | None = None,
) -> Remote:
    """Return a remote for cookies in hand; the marketplace is found by their names unless it is given.

    Args:
        cookies: by name, hyphens or underscores.
        tld: the marketplace, where their names do not tell it.
        region: the content host's region; it is asked for where it is not known.
        settings: what :func:`ap_remote.config.load` returns, to save reading it again.
        record: as in :func:`connect`.

    Raises:
        AuthenticationError: a cookie is missing.
        ConfigError: the marketplace is unknown.
    """
    from ap_remote.backends.amazon import AmazonPhotosRemote
    from ap_remote.transport import CONCURRENCY, RATE, Session, Transport, marketplace_of, pacing

    settings = _recording(settings or config.load(), record)
    found = marketplace_of(cookies)
    if tld is None and found is None:
        raise ConfigError("these cookies name no marketplace: say tld, e.g. com or co.uk")
    # One cache per account: the hash of the cookie that outlives the others' rotation tells accounts apart.
    mark = next((value for name, value in cookies.items() if name.startswith("ubid")), "")
    name = f"cookies-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    hosts, discovery = _hosts(tld or (found.tld if found else ""), region, settings.folder(name))
    session = Session(cookies, hosts)
    paced = pacing(name, rate=RATE, concurrency=CONCURRENCY)
    transport = Transport(session, pacer=paced, discovery=discovery, record=recorder(settings.record))
    return AmazonPhotosRemote(name, transport, settings.folder(name) / "cache", max_age=settings.max_age)


def from_share(link: str) -> Remote:
    """Return a read-only remote over a public link, e.g. ``https://www.amazon.com/photos/share/…``.

    No account is needed, and no cookie is sent.

    Raises:
        ConfigError: it is no link to a share, or not to a site of Amazon's that is known.
    """
    from ap_remote.backends.share import ShareLink, ShareRemote

    return ShareRemote.of(ShareLink.parse(link))


def _amazon(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import CONCURRENCY, RATE, Session, Transport, pacing

    if account.tld is None:
        raise ConfigError(f"account {account.name!r} names no marketplace: set tld, e.g. com or co.uk")
    folder = settings.folder(account.name)
    hosts, discovery = _hosts(account.tld, account.region, folder)
    store = credential_store(account, settings)
    # What the service rotates must outlive this process, or the next one would be turned away.
    session = Session(store.load(), hosts, on_rotate=store.save, reread=store.load)
    transport = Transport(
        session,
        pacer=pacing(
            f"{account.name} at {account.tld}",
            rate=RATE if account.rate is None else account.rate,
            concurrency=CONCURRENCY if account.concurrency is None else account.concurrency,
        ),
        discovery=discovery,
        lock=folder / _LOCK,
        record=recorder(settings.record),
    )
    return _over(account, settings, transport)


def credential_store(account: Account, settings: Settings) -> Store:
    """Return where an account's cookies are kept.

    Raises:
        MissingExtraError: in the keyring, and the package for it is not installed.
    """
    from ap_remote.transport import FileStore, KeyringStore

    if account.store == config.KEYRING:
        return KeyringStore(account.name)
    if account.credentials:
        return FileStore(Path(account.credentials).expanduser())
    return FileStore(_credentials_file(account, settings), own=True)


def _hosts(tld: str, region: str | None, folder: Path) -> tuple[Hosts, Discovery | None]:
    """Return an account's hosts as far as they are known, and what finds out the rest; a named region is not asked for.

    Raises:
        ConfigError: no such marketplace.
    """
    from ap_remote.transport import Discovery, Hosts
    from ap_remote.transport.discovery import FILE

    if region is not None:
        return Hosts.for_marketplace(tld, region=region), None
    discovery = Discovery(folder / FILE, Hosts.as_known(tld))
    return discovery.hosts, discovery


def _service(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import Hosts

    if account.url is None:
        raise ConfigError(f"account {account.name!r} is a service without an address: set url")
    hosts = Hosts.for_service(account.url)
    return _over(account, settings, _own(account, settings, hosts, _credentials_file(account, settings)))


def _local(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import Hosts

    data = settings.home / "local"
    app = _embedded(data, os.getpid())
    hosts = Hosts.for_service("http://local.invalid")
    return _over(account, settings, _own(account, settings, hosts, data / "credentials.json", app=app))


def _own(account: Account, settings: Settings, hosts: Hosts, credentials: Path, *, app: Any = None) -> Transport:
    """Return a transport to a service of one's own: no pace unless it is set, and the service keeps its credentials."""
    from ap_remote.transport import Breaker, FileStore, Session, Transport, pacing

    store = FileStore(credentials)
    return Transport(
        Session(store.load(), hosts, reread=store.load),
        app=app,
        pacer=pacing(
            f"{account.name} at {account.url or account.kind}", rate=account.rate, concurrency=account.concurrency
        ),
        breaker=Breaker.never(),
        lock=settings.folder(account.name) / _LOCK,
        record=recorder(settings.record),
    )


def _memory(account: Account, settings: Settings) -> Remote:
    from ap_remote.backends.memory import MemoryRemote

    del settings
    return MemoryRemote(account.name)


def _over(account: Account, settings: Settings, transport: Transport) -> Remote:
    from ap_remote.backends.amazon import AmazonPhotosRemote

    cache = settings.folder(account.name) / "cache"
    return AmazonPhotosRemote(account.name, transport, cache, max_age=settings.max_age)


def _recording(settings: Settings, folder: Path | None) -> Settings:
    if folder is None:
        return settings
    recording = config.Recording(folder=folder.expanduser().absolute())
    return msgspec.structs.replace(settings, record=recording)


@lru_cache(maxsize=8)
def recorder(recording: Recording | None) -> Recorder | None:
    """Return one recorder per folder and process: what is copied between two accounts is one recording."""
    from ap_remote.transport.recording import Recorder

    return None if recording is None else Recorder(recording.folder, keep_names=recording.keep_names)


def _credentials_file(account: Account, settings: Settings) -> Path:
    if account.credentials:
        return Path(account.credentials).expanduser()
    file = settings.folder(account.name) / "credentials.json"
    if not file.exists():
        raise AuthenticationError(
            f"account {account.name!r} has no credentials: "
            f"`ap login {account.name}`, or ap accounts add {account.name} --cookies FILE"
        )
    return file


@lru_cache(maxsize=8)
def _embedded(data: Path, pid: int) -> Any:
    """Open the embedded service once per folder and process; a forked child opens its own."""
    from importlib.metadata import entry_points

    del pid
    found = entry_points(group=SERVICES, name=config.LOCAL)
    if not found:
        raise ConfigError("the embedded service is not installed: reinstall ap-remote")
    create_app = next(iter(found)).load()
    try:
        make_private(data)
        return create_app(data)
    except OSError as exc:
        # The service's own errors are of this kind too: it shares no exception with us.
        raise StoreError(f"the local library cannot be opened: {exc}") from exc


def _registry() -> Registry:
    registry = Registry()
    registry.register("amazon", _amazon)
    registry.register("service", _service)
    registry.register("local", _local)
    registry.register("memory", _memory)
    return registry


_REGISTRY: Final = _registry()

__all__ = [
    "cluster",
    "connect",
    "credential_store",
    "from_cookies",
    "from_share",
    "plans_folder",
    "recorder",
    "resolve",
    "semantic_index",
    "split_spec",
]
