"""Commands that move bytes: put, get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ap_remote.cli.console import ERR, Json, json_line, line, run, say, transfer_bar
from ap_remote.cli.render import size_text
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError
from ap_remote.transfer import Report, download, plan_upload, upload

if TYPE_CHECKING:
    from ap_remote.remote.base import Duplicates, IfExists

Transfers = Annotated[int, typer.Option(min=1, max=32, help="How many files at a time.")]


def put(
    sources: Annotated[list[str], typer.Argument(metavar="SRC… REMOTE:DIR", help="Local files and folders.")],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the content of files of the same name.")
    ] = False,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Upload bytes that the account already holds elsewhere.")
    ] = False,
    transfers: Transfers = 4,
    json: Json = False,
) -> None:
    """Upload files and folders.

    A folder `trip` arrives as DIR/trip; `trip/` puts its content into DIR.
    Bytes that are there already, or elsewhere in the account, are skipped.
    Junk folders of NAS systems are left out.
    """
    *local, spec = sources
    if not local:
        raise ConfigError("put needs at least one local file and a remote folder: ap put SRC… REMOTE:DIR")
    if ":" not in spec:
        raise ConfigError(f"the last argument is the remote folder and needs a colon: {spec!r} (did you mean local:?)")
    if_exists: IfExists = "overwrite" if overwrite else "fail"
    duplicates: Duplicates = "keep" if keep_duplicates else "refuse"

    async def send() -> Report:
        remote, target = resolve(spec)
        async with remote:
            folder = target if isinstance(target, str) else (await remote.stat(target)).path
            uploads = plan_upload(local, folder)
            with transfer_bar() as meter:
                return await upload(
                    remote, uploads, if_exists=if_exists, duplicates=duplicates, transfers=transfers, meter=meter
                )

    _close(run(send()), "uploaded", json=json)


def get(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="A file, or a folder with all below it.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A local folder; it is made if need be.")] = Path(),
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace local files of other content.")] = False,
    transfers: Transfers = 4,
    json: Json = False,
) -> None:
    """Download a file or a folder.

    Each file is checked by md5 and gets the photograph's date.
    A download that is broken off leaves no half files; the same command goes on with it.
    """

    async def fetch() -> Report:
        remote, target = resolve(spec)
        async with remote:
            await remote.stat(target)
            folder.mkdir(parents=True, exist_ok=True)
            with transfer_bar() as meter:
                return await download(remote, target, folder, overwrite=overwrite, transfers=transfers, meter=meter)

    _close(run(fetch()), "downloaded", json=json)


def _close(report: Report, verb: str, *, json: bool) -> None:
    """Tell what happened; any failure makes the exit code 1."""
    failed, skipped, done = report.select("failed"), report.select("skipped"), report.select("done")
    if json:
        for row in report.rows:
            json_line(
                {
                    "source": row.source,
                    "target": row.target,
                    "result": row.result,
                    "size": row.size,
                    "reason": row.reason,
                }
            )
    else:
        rate = report.size / report.seconds if report.seconds else 0
        line(
            f"{len(done)} {verb} ({size_text(report.size)} in {report.seconds:.1f} s, {size_text(int(rate))}/s), "
            f"{len(skipped)} skipped, {len(failed)} failed"
        )
        for row in skipped if ERR.is_terminal else ():
            say(f"skipped {row.source}: {row.reason}")
    for row in failed:
        say(f"failed {row.source}: {row.reason}")
    if failed:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(put)
    app.command()(get)
