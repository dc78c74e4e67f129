"""The composition root: a spec such as ``local:`` or ``home:Pictures`` to a ready remote.

A spec is an account's name, a colon and a path, as in rclone. Without a colon it is a path on the default remote.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ap_remote import config
from ap_remote.errors import AuthenticationError, ConfigError, StoreError
from ap_remote.remote.paths import parse_ref
from ap_remote.remote.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ap_remote.config import Account, Settings
    from ap_remote.model import Ref
    from ap_remote.remote.base import Remote
    from ap_remote.semantic import SemanticIndex
    from ap_remote.transport import Hosts, Pacer

SERVICES: Final = "ap_remote.services"
"""Entry point group under which the embedded service registers itself."""


def connect(spec: str | None = None, *, settings: Settings | None = None) -> Remote:
    """Return the remote that *spec* names; the path in it is ignored.

    Args:
        spec: ``local:``, ``home:`` …; ``None`` is the default remote (``AP_REMOTE``, else ``local:``).
        settings: what :func:`ap_remote.config.load` returns, to save reading it again.

    Raises:
        ConfigError: no such account.
        AuthenticationError: its credentials are missing.
    """
    remote, _ = resolve(spec, settings=settings)
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
    spec: str | None = None, *, settings: Settings | None = None, encoder: str = "offline"
) -> SemanticIndex:
    """Return the semantic index of an account; nothing heavy is imported before it is used."""
    from ap_remote.semantic import SemanticIndex

    settings = settings or config.load()
    name, _ = split_spec(spec, settings)
    return SemanticIndex(settings.folder(settings.account(name).name) / "semantic", encoder=encoder)


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
) -> Remote:
    """Return a remote for cookies in hand; the marketplace is found by their names unless it is given.

    Raises:
        AuthenticationError: a cookie is missing.
        ConfigError: the marketplace is unknown.
    """
    from ap_remote.backends.amazon import AmazonPhotosRemote
    from ap_remote.transport import Hosts, Pacer, Session, Transport, marketplace_of

    settings = settings or config.load()
    found = marketplace_of(cookies)
    if tld is None and found is None:
        raise ConfigError("these cookies name no marketplace: say tld, e.g. com or co.uk")
    hosts = Hosts.for_marketplace(tld or (found.tld if found else ""), region=region)
    session = Session(cookies, hosts)
    # One cache per account: the hash of the cookie that outlives the others' rotation tells accounts apart.
    mark = next(value for name, value in session.cookies.items() if name.startswith("ubid-"))
    name = f"cookies-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    transport = Transport(session, pacer=Pacer())
    return AmazonPhotosRemote(name, transport, settings.folder(name) / "cache", max_age=settings.max_age)


def _amazon(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import Hosts, Pacer, save_credentials

    if account.tld is None:
        raise ConfigError(f"account {account.name!r} names no marketplace: set tld, e.g. com or co.uk")
    hosts = Hosts.for_marketplace(account.tld, region=account.region)
    file = _credentials_file(account, settings)
    # What the service rotates must outlive this process, or the next one would be turned away.
    return _over(account, settings, hosts, file, pacer=Pacer(), on_rotate=partial(save_credentials, file))


def _service(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import Hosts, Pacer

    if account.url is None:
        raise ConfigError(f"account {account.name!r} is a service without an address: set url")
    hosts = Hosts.for_service(account.url)
    return _over(account, settings, hosts, _credentials_file(account, settings), pacer=Pacer.unlimited())


def _local(account: Account, settings: Settings) -> Remote:
    from ap_remote.transport import Hosts, Pacer

    data = settings.home / "local"
    app = _embedded(data, os.getpid())
    return _over(
        account,
        settings,
        Hosts.for_service("http://local.invalid"),
        data / "credentials.json",
        pacer=Pacer.unlimited(),
        app=app,
    )


def _memory(account: Account, settings: Settings) -> Remote:
    from ap_remote.backends.memory import MemoryRemote

    del settings
    return MemoryRemote(account.name)


def _over(
    account: Account,
    settings: Settings,
    hosts: Hosts,
    credentials: Path,
    *,
    pacer: Pacer,
    app: Any = None,
    on_rotate: Callable[[Mapping[str, str]], None] | None = None,
) -> Remote:
    from ap_remote.backends.amazon import AmazonPhotosRemote
    from ap_remote.transport import Session, Transport, load_credentials

    session = Session(load_credentials(credentials), hosts, on_rotate=on_rotate)
    transport = Transport(session, app=app, pacer=pacer)
    cache = settings.folder(account.name) / "cache"
    return AmazonPhotosRemote(account.name, transport, cache, max_age=settings.max_age)


def _credentials_file(account: Account, settings: Settings) -> Path:
    if account.credentials:
        return Path(account.credentials).expanduser()
    file = settings.folder(account.name) / "credentials.json"
    if not file.exists():
        raise AuthenticationError(
            f"account {account.name!r} has no credentials: ap accounts add {account.name} --cookies FILE"
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
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
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

__all__ = ["connect", "from_cookies", "plans_folder", "resolve", "semantic_index", "split_spec"]
