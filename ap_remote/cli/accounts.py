"""Commands of accounts: accounts list, add, remove, check."""

from __future__ import annotations

import json as plain_json
from pathlib import Path
from typing import Annotated

import typer

from ap_remote import config
from ap_remote.cli.completion import accounts as names
from ap_remote.cli.console import Json, json_line, line, run
from ap_remote.config import Account
from ap_remote.connect import connect, credential_store
from ap_remote.errors import ConfigError

_KINDS = ("amazon", "service")

group = typer.Typer(no_args_is_help=True, help="The remotes that are configured.")


@group.command("list")
def show(*, json: Json = False) -> None:
    """List the accounts; local: is always there."""
    settings = config.load()
    for each in (Account(name=config.LOCAL, kind=config.LOCAL), *settings.accounts.values()):
        where = each.url or (f"amazon.{each.tld}" if each.tld else "")
        where += " (keyring)" if each.store == config.KEYRING else ""
        mark = "  (default)" if settings.default == f"{each.name}:" else ""
        if json:
            json_line({key: getattr(each, key) for key in Account.__struct_fields__})
        else:
            line(f"{each.name + ':':16} {each.kind:8} {where}{mark}")


@group.command()
def add(
    name: Annotated[str, typer.Argument(help="A name; paths on it are NAME:PATH.")],
    *,
    kind: Annotated[str, typer.Option(help="amazon, or service (a local service on a port).")] = "amazon",
    cookies: Annotated[
        Path | None, typer.Option(help="A JSON file with the browser's cookies; it is copied, readable by you alone.")
    ] = None,
    tld: Annotated[
        str | None, typer.Option(help="The marketplace, e.g. co.uk; found by the cookies if not said.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The content host's region: na, eu, jp.")] = None,
    url: Annotated[str | None, typer.Option(help="A service's address.")] = None,
    credentials: Annotated[Path | None, typer.Option(help="A service's credentials file.")] = None,
) -> None:
    """Add an account, or change one."""
    if kind not in _KINDS:
        raise ConfigError(f"unknown kind {kind!r}; known are {', '.join(_KINDS)}")
    if kind == "service" and (url is None or credentials is None):
        raise ConfigError("a service needs --url and --credentials (both are printed by `ap emulator`)")
    if not config.is_name(name):
        raise ConfigError(f"{name!r} cannot be an account's name")
    from ap_remote.transport import FileStore, Hosts, marketplace_of

    settings = config.load()
    given = _read_cookies(cookies) if cookies else {}
    if kind == "amazon":
        found = marketplace_of(given)
        tld = tld or (found.tld if found else None)
        if tld is None:
            raise ConfigError("which marketplace? say --tld, e.g. --tld com or --tld co.uk")
        if region is not None:
            Hosts.for_marketplace(tld, region=region)
        else:
            Hosts.as_known(tld)
    if given:
        FileStore(settings.folder(name) / "credentials.json", own=True).save(given)
    kept = str(credentials.expanduser().resolve()) if credentials else None
    account = Account(name=name, kind=kind, tld=tld, region=region, url=url, credentials=kept)
    config.add_account(settings, account)
    line(f"{name}: added; `ap accounts check {name}` tries it")


@group.command()
def remove(name: Annotated[str, typer.Argument(help="The account's name.", autocompletion=names)]) -> None:
    """Forget an account and its cookies; nothing on the service is touched, and its cache stays on disk."""
    settings, short = config.load(), name.removesuffix(":")
    if short == config.LOCAL:
        raise ConfigError("local: is always there")
    account = settings.account(short)
    if account.store == config.KEYRING:
        credential_store(account, settings).delete()
    config.remove_account(settings, short)
    for file in ("credentials.json", "endpoint.json"):
        (settings.folder(short) / file).unlink(missing_ok=True)
    line(f"{short}: removed")


@group.command()
def check(name: Annotated[str, typer.Argument(help="The account's name.", autocompletion=names)] = "") -> None:
    """Try whether the service accepts the account's credentials."""

    async def ask() -> None:
        async with connect(f"{name.removesuffix(':')}:" if name else None) as remote:
            await remote.stat("", fresh=True)
            line(f"{remote.name}: works")

    run(ask())


def _read_cookies(source: Path) -> dict[str, str]:
    try:
        found = plain_json.loads(source.expanduser().read_text("utf-8"))
    except ValueError as exc:
        raise ConfigError(f"{source}: not a JSON file of cookies") from exc
    cookies = found.get("cookies", found) if isinstance(found, dict) else None
    if not isinstance(cookies, dict) or not all(isinstance(value, str) for value in cookies.values()):
        raise ConfigError(f'{source}: expected {{"session-id": "…", "ubid-main": "…", "at-main": "…"}}')
    return cookies


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.add_typer(group, name="accounts")
