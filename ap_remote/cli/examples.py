"""Examples that stand at the end of each command's help, and the panels that group the commands.

Each line of an example is a command that works as it stands, but for names. Lines fit into 80 columns.
"""

from __future__ import annotations

import inspect
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

EXAMPLES: Final[dict[str, str]] = {
    "ls": """
        ap ls local:Pictures
        ap ls home: --max-depth 1
        ap ls home:Pictures --include '*.mov' --min-size 1G
    """,
    "lsl": """
        ap lsl local:Pictures/2023
        ap lsl home: --max-age 7d
    """,
    "lsd": """
        ap lsd home:
        ap lsd home:Pictures -R --max-depth 2
    """,
    "lsf": """
        ap lsf home:Pictures
        ap lsf home: -R --files-only --format tsp --separator ,
        ap lsf home: -R --csv --format ph --absolute
    """,
    "lsjson": """
        ap lsjson home:Pictures --hash
        ap lsjson home: -R --files-only
        ap lsjson home:Pictures/a.jpg --stat
    """,
    "tree": """
        ap tree home:Pictures -L 2
        ap tree home: -d --noreport
        ap tree local: -s --exclude '*.txt'
    """,
    "stat": """
        ap stat home:Pictures/2023/beach.jpg
        ap stat id:NODE_ID --json
    """,
    "cat": """
        ap cat home:Documents/list.txt
        ap cat home:Documents/log.txt --tail 200
        ap cat home:Documents -R --include '*.csv'
    """,
    "size": """
        ap size home:Pictures
        ap size home: --include '*.mp4' --json
    """,
    "about": """
        ap about home:
        ap about home: --json
    """,
    "report": """
        ap report home: -o report.html --open
        ap report home:Pictures -o report.html --thumbnails 12
        ap report home: --json > library.json
    """,
    "stats": """
        ap stats home:
        ap stats home: --by camera -n 10
        ap stats home: --by place --search 'type:(VIDEOS)' --json
    """,
    "largest": """
        ap largest home: --videos
        ap largest home:Pictures -n 100 --json
    """,
    "gaps": """
        ap gaps home:
        ap gaps home:Pictures --exclude 'Scans/**' --json
    """,
    "hashsum": """
        ap hashsum md5 home:Pictures
        ap hashsum sha256 home:Documents --download
        ap hashsum md5 home:Pictures -C sums.md5
    """,
    "md5sum": """
        ap md5sum home:Pictures --output-file sums.md5
        ap md5sum home:Pictures -C sums.md5
    """,
    "find": """
        ap find home: --include 'IMG_*.HEIC' --min-size 5M
        ap find home:Backup --include '*.tmp' -0 | xargs -0 ap trash
    """,
    "put": """
        ap put ~/Photos/trip home:Pictures
        ap put *.jpg home:Pictures/2024
    """,
    "get": """
        ap get home:Pictures/2023 ~/Photos
        ap get home:Pictures/a.jpg
    """,
    "copy": """
        ap copy ~/Photos home:Pictures --dry-run
        ap copy home:Pictures/2023 ~/Photos/2023 --progress
    """,
    "move": """
        ap move ~/Camera home:Pictures/2024 --dry-run
        ap move home:Inbox home:Pictures/2024
    """,
    "sync": """
        ap sync ~/Photos home:Pictures --dry-run
        ap sync ~/Photos home:Pictures --max-delete 20
    """,
    "check": """
        ap check ~/Photos home:Pictures
        ap check ~/Photos home:Pictures --one-way
    """,
    "dedupe": """
        ap dedupe home:Pictures --dry-run
        ap dedupe home:Pictures --json
    """,
    "transfer list": """
        ap transfer list
        ap transfer list --json
    """,
    "transfer show": """
        ap transfer show
        ap transfer show 3f2a
    """,
    "transfer run": """
        ap transfer run plan.json
    """,
    "transfer resume": """
        ap transfer resume
        ap transfer resume 3f2a --progress
    """,
    "transfer undo": """
        ap transfer undo
        ap transfer undo 3f2a --yes
    """,
    "rcat": """
        tar c notes | ap rcat home:Backup/notes.tar
        date | ap rcat home:Documents/last.txt --overwrite
    """,
    "mkdir": """
        ap mkdir home:Pictures/2024/Rome
    """,
    "moveto": """
        ap moveto home:Pictures/IMG_1.jpg home:Pictures/rome.jpg
        ap moveto home:Pictures/Rome home:Pictures/2024/Rome
    """,
    "touch": """
        ap touch home:Documents/.done
        ap touch home:Documents/.done --no-create
    """,
    "rmdir": """
        ap rmdir home:Pictures/empty
        ap rmdir home:Pictures/empty --dry-run
    """,
    "rmdirs": """
        ap rmdirs home:Backup --dry-run
        ap rmdirs home:Backup --leave-root
    """,
    "refresh": """
        ap refresh home:
        ap refresh home: --json
    """,
    "trash": """
        ap trash home:Pictures/blurred.jpg
        ap trash id:NODE_ID
    """,
    "restore": """
        ap restore home:Pictures/blurred.jpg
        ap restore id:NODE_ID
    """,
    "delete": """
        ap trash home:Pictures/blurred.jpg
        ap delete home:Pictures/blurred.jpg
    """,
    "cleanup": """
        ap cleanup home:
        ap cleanup home: --yes
        ap cleanup home: --include '*.tmp' --yes --count 12
    """,
    "search": """
        ap search home: 'type:(VIDEOS) AND timeYear:(2023)'
        ap search home: --semantic 'a dog on a beach' --limit 5
        ap search home: --like sunset.jpg
    """,
    "aggregations": """
        ap aggregations home: location
        ap aggregations home: things --filter 'timeYear:(2023)'
    """,
    "index build": """
        ap index build home:
        ap index build home: --encoder default --device cuda --compile
        ap index build home: --frames 8 --switch-at 0.98
    """,
    "index gc": """
        ap index gc home:
        ap index gc home: --all --yes
    """,
    "index compact": """
        ap index compact home:
    """,
    "index calibrate": """
        ap index calibrate home: 'a dog' --right 'things:(dog)' --wrong 'things:(cat)'
    """,
    "index tune": """
        ap index tune home:
        ap index tune home: --target 20 --json
    """,
    "index status": """
        ap index status home:
    """,
    "index encoders": """
        ap index encoders
        ap index encoders --json
    """,
    "index search": """
        ap index search home: 'a birthday cake'
        ap index search home: -- '-people beach'
        ap index search home: 'beach sunset^2 -people' --filter 'timeYear:(2023)' --min-score auto
    """,
    "index similar": """
        ap index similar home: sunset.jpg
        ap index similar home: sunset.jpg^2 id:NODE_ID --variety 0.3
    """,
    "index duplicates": """
        ap index duplicates home:
        ap index duplicates home: --kind re-encoded --kind burst --filter 'timeYear:(2023)' --json
    """,
    "albums": """
        ap albums home:
        ap lsf home:.views/albums/Rome
    """,
    "organise plan": """
        ap organise plan home: --by event
        ap organise plan home: --by theme --min-size 10
        ap organise plan home: --by taxonomy --taxonomy classes.yaml
        ap organise plan home: --by event --preview plan.html
        ap organise plan home: --by duplicates
    """,
    "organise show": """
        ap organise show home:
        ap organise show home: --html plan.html
    """,
    "organise apply": """
        ap organise show home:
        ap organise apply home:
        ap organise apply home: --move --max-changes 500
    """,
    "organise undo": """
        ap organise undo home:
    """,
    "login": """
        ap login home --firefox
        ap login home --cookies cookies.txt --tld co.uk
    """,
    "accounts list": """
        ap accounts list
        ap accounts list --json
    """,
    "accounts add": """
        ap accounts add home --cookies cookies.json
        ap accounts add studio --kind service --url URL --credentials FILE
    """,
    "accounts remove": """
        ap accounts remove home
    """,
    "accounts check": """
        ap accounts check home
    """,
    "emulator": """
        ap emulator --port 8400
        ap emulator --data ~/photos --port 0
    """,
    "emulator check": """
        ap emulator check --data ~/photos
    """,
    "mcp": """
        ap mcp home:
        ap mcp home: --allow organise,trash
        ap mcp home: --allow transfer --root ~/Exports
    """,
}
"""By a command's words; what a command says itself goes first."""


def grouped(app: typer.Typer, panel: str, before: int, groups_before: int) -> None:
    """Put the commands that were added since into a panel, unless they name one themselves."""
    for command in app.registered_commands[before:]:
        if not isinstance(command.rich_help_panel, str):
            command.rich_help_panel = panel
    for group in app.registered_groups[groups_before:]:
        if not isinstance(group.rich_help_panel, str):
            group.rich_help_panel = panel


class _Flags:
    """A flag's help shows no type: behind ``--json <bool>`` a reader would type a value."""

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)  # type: ignore[misc] # of the command that this is mixed into
        for each in params:
            if getattr(each, "is_bool_flag", False):
                each.metavar = ""
        return params


class Command(_Flags, TyperCommand):
    """A command whose flags look like flags."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words behind the command; where a text was taken for an option, say where it belongs."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except TyperException as exc:
            # Of `-people cat` the parser names `-p`: no option has one letter and more behind it, a text or a name has.
            option = getattr(exc, "option_name", "")
            texts = [each for each in given if re.match(r"-[^-].", each) and each.startswith(option)] if option else []
            if texts:
                exc.message += (
                    f" (what begins with a minus and is no option goes behind --: -- {shlex.quote(texts[0])})"
                )
            raise


class Group(_Flags, TyperGroup):
    """A group of them."""


def taught(app: typer.Typer) -> None:
    """Give each command that shows no example those of :data:`EXAMPLES`, and let its text fill the lines."""
    for name, info in _commands(app, ""):
        info.cls = Group if hasattr(info, "typer_instance") else Command
        if inspect.isfunction(info.callback) and info.callback.__doc__ and not isinstance(info.help, str):
            info.help = _unwrapped(info.callback.__doc__)
        lines = [line.strip() for line in EXAMPLES.get(name, "").strip().splitlines()]
        own = "\n".join(
            text for text in (info.help, info.epilog, getattr(info.callback, "__doc__", None)) if isinstance(text, str)
        )
        if lines and not re.search(rf"^\s*(\$ )?ap {re.escape(name)} ", own, re.MULTILINE):
            info.epilog = escape("\n".join(["Examples:", *(f"  {line}" for line in lines)]))


def _unwrapped(doc: str) -> str:
    """Join the lines of each paragraph, but not of a list, whose lines are indented."""
    paragraphs = inspect.cleandoc(doc).split("\n\n")
    return "\n\n".join(each if "\n " in each else each.replace("\n", " ") for each in paragraphs)


def _commands(app: typer.Typer, above: str) -> Iterator[tuple[str, Any]]:
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
        yield f"{above}{name}", command
    for group in app.registered_groups:
        if group.typer_instance is not None and isinstance(group.name, str):
            yield f"{above}{group.name}", group
            yield from _commands(group.typer_instance, f"{above}{group.name} ")
