"""The command that signs in: login. A session is tried before it is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ap_remote import config
from ap_remote.cli.completion import accounts
from ap_remote.cli.console import line, run, say
from ap_remote.config import Account
from ap_remote.connect import recorder
from ap_remote.errors import AuthenticationError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.transport import Discovery, Marketplace, Session, Store
    from ap_remote.transport.recording import Recorder

_FILE: Final = "credentials.json"


def login(
    name: Annotated[
        str, typer.Argument(help="A name for the account; its paths are NAME:PATH.", autocompletion=accounts)
    ],
    *,
    cookies: Annotated[
        Path | None, typer.Option(help="A file with the browser's cookies: JSON, cookies.txt, or a Cookie header.")
    ] = None,
    firefox: Annotated[bool, typer.Option("--firefox", help="Take them from Firefox's own store.")] = False,
    profile: Annotated[
        Path | None, typer.Option(help="The folder of a Firefox profile, if not the default one.")
    ] = None,
    tld: Annotated[
        str | None, typer.Option(help="The marketplace, e.g. co.uk; found by the cookies if not said.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The content host's region (na, eu, jp), if it is not known.")
    ] = None,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep them in the system's keyring instead of a file.")
    ] = False,
    discover: Annotated[
        bool, typer.Option(help="Ask the service which hosts serve the account; it holds for three days.")
    ] = True,
) -> None:
    """Sign in to an Amazon account with the cookies of a browser that is signed in to Amazon Photos.

    Needed are `session-id`, `ubid-…` and `at-…`. Without --cookies or --firefox they are read from stdin, or asked for.
    They are tried once, then kept in a file that you alone may read, or in the keyring; they are never printed.
    """
    from ap_remote.transport import Discovery, FileStore, Hosts, KeyringStore, Session, marketplace_of
    from ap_remote.transport.discovery import FILE

    settings = config.load()
    if not config.is_name(name):
        raise ConfigError(f"{name!r} cannot be an account's name")
    found = _cookies(cookies, profile, firefox=firefox, tld=tld)
    site = tld or _site(marketplace_of(found))
    folder = settings.folder(name)
    hosts = Hosts.as_known(site) if region is None else Hosts.for_marketplace(site, region=region)
    file = FileStore(folder / _FILE, own=True)
    # Asked for first: a keyring that is not there should not cost a request.
    store: Store = KeyringStore(name) if keyring else file
    before = settings.accounts.get(name)
    left: Store | None = file if keyring else None
    if not keyring and before is not None and before.store == config.KEYRING:
        left = KeyringStore(name)
    session = Session(_needed(Session(found, hosts).cookies), hosts)
    discovery = Discovery(folder / FILE, hosts) if region is None and (discover or not hosts.content) else None
    run(_try(session, discovery, recorder(settings.record)))
    # What the service replaced while it was tried is newer than what was given.
    store.save(session.cookies)
    if left is not None:
        left.delete()
    kept = config.KEYRING if keyring else config.FILE
    config.add_account(settings, Account(name=name, kind="amazon", tld=site, region=region, store=kept))
    line(f"{name}: signed in to amazon.{site}")


def _site(market: Marketplace | None) -> str:
    if market is None:
        raise ConfigError("which marketplace? say --tld, e.g. --tld com or --tld co.uk")
    return market.tld


def _cookies(file: Path | None, profile: Path | None, *, firefox: bool, tld: str | None) -> dict[str, str]:
    from ap_remote.transport.cookies import firefox_cookies, parse_cookies

    if firefox or profile is not None:
        return firefox_cookies(profile=profile, tld=tld)
    if file is not None:
        try:
            return parse_cookies(file.expanduser().read_text("utf-8"), tld=tld)
        except UnicodeDecodeError as exc:
            raise AuthenticationError(f"{file} is no text") from exc
    if sys.stdin.isatty():
        say("Paste the Cookie header of a request to Amazon Photos; it is not shown.")
        return parse_cookies(typer.prompt("Cookie", hide_input=True, err=True), tld=tld)
    return parse_cookies(sys.stdin.read(), tld=tld)


def _needed(cookies: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies of a session; the browser's others are none of our business."""
    return {
        key: value
        for key, value in cookies.items()
        if key.startswith(("session-", "at-", "ubid-", "x-", "sess-at-", "sst-"))
    }


async def _try(session: Session, discovery: Discovery | None, record: Recorder | None) -> None:
    """Ask for the account's state, the cheapest proof that a session is good, and then for its hosts.

    Raises:
        AuthenticationError: it is not, or the account is closed.
        ConfigError: nobody knows its content host.
    """
    from ap_remote.api import account
    from ap_remote.transport import Transport

    transport = Transport(session, record=record)
    try:
        answer = await transport.send(account.info())
        if answer.status not in (None, "ACTIVE"):
            raise AuthenticationError(f"the session is good, but the account is {answer.status}")
        if discovery is not None:
            await discovery.settle(session, transport.send, force=True)
    finally:
        await transport.close()


def register(app: typer.Typer) -> None:
    """Add this command to *app*."""
    app.command()(login)
