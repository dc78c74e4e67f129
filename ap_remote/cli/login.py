"""The command that signs in: login. A session is tried before it is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ap_remote import config
from ap_remote.cli.console import line, run, say
from ap_remote.config import Account
from ap_remote.errors import AuthenticationError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.transport import Hosts


def login(
    name: Annotated[str, typer.Argument(help="A name for the account; its paths are NAME:PATH.")],
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
) -> None:
    """Sign in to an Amazon account with the cookies of a browser that is signed in to Amazon Photos.

    Needed are `session-id`, `ubid-…` and `at-…`. Without --cookies or --firefox they are read from stdin, or asked for.
    They are tried once, then kept in a file that you alone may read; they are never printed.
    """
    from ap_remote.transport import Hosts, Session, marketplace_of, save_credentials

    settings = config.load()
    if not config.is_name(name):
        raise ConfigError(f"{name!r} cannot be an account's name")
    found = _cookies(cookies, profile, firefox=firefox, tld=tld)
    market = marketplace_of(found)
    site = tld or (market.tld if market else None)
    if site is None:
        raise ConfigError("which marketplace? say --tld, e.g. --tld com or --tld co.uk")
    hosts = Hosts.for_marketplace(site, region=region)
    kept = _needed(Session(found, hosts).cookies)
    run(_try(kept, hosts))
    save_credentials(settings.folder(name) / "credentials.json", kept)
    config.add_account(settings, Account(name=name, kind="amazon", tld=site, region=region))
    line(f"{name}: signed in to amazon.{site}")


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


async def _try(cookies: Mapping[str, str], hosts: Hosts) -> None:
    """Ask for the account's state, the cheapest proof that a session is good.

    Raises:
        AuthenticationError: it is not, or the account is closed.
    """
    from ap_remote.api import account
    from ap_remote.transport import Pacer, Session, Transport

    transport = Transport(Session(cookies, hosts), pacer=Pacer())
    try:
        answer = await transport.send(account.info())
    finally:
        await transport.close()
    if answer.status not in (None, "ACTIVE"):
        raise AuthenticationError(f"the session is good, but the account is {answer.status}")


def register(app: typer.Typer) -> None:
    """Add this command to *app*."""
    app.command()(login)
