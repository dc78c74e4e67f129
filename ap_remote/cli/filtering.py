"""Options that say which files a command takes, for listing and transfer commands alike.

A command takes them all as one parameter (see :mod:`ap_remote.cli.options`)::

    @with_options
    def ls(spec: Spec = None, *, filtering: FilterOptions) -> None:
        filters = filtering.filters()
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from ap_remote.errors import ConfigError
from ap_remote.transfer.filters import EVERYTHING, Filters, parse_files, parse_part, parse_rules
from ap_remote.transfer.units import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Sequence

_PANEL: Final = "Filters"

ORDER: Final = (
    "Rules are asked in this order, whatever order they are typed in: --include, --include-from, --exclude, "
    "--exclude-from, --filter, --filter-from; the first that matches decides. With an --include, what no rule takes is "
    "left out. To mix, use --filter alone."
)
"""For the help of commands that take filters."""

Include = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN",
        rich_help_panel=_PANEL,
        help="Take files like this and no others, e.g. '*.{jpg,heic}' or '/2023/**'. * stays within a name, ** does "
        "not, a leading / is the top; {{…}} holds a regular expression. May be repeated.",
    ),
]
IncludeFrom = Annotated[
    list[str],
    typer.Option(metavar="FILE", rich_help_panel=_PANEL, help="Patterns to include, one a line; - is standard input."),
]
Exclude = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN", rich_help_panel=_PANEL, help="Leave out files like this, e.g. '*.mov' or 'raw/**'."
    ),
]
ExcludeFrom = Annotated[
    list[str],
    typer.Option(metavar="FILE", rich_help_panel=_PANEL, help="Patterns to exclude, one a line; - is standard input."),
]
FilterRules = Annotated[
    list[str],
    typer.Option(
        "--filter",
        "-f",
        metavar="RULE",
        rich_help_panel=_PANEL,
        help="A rule: '+ PATTERN' takes, '- PATTERN' leaves out, '!' drops the rules before. The first that matches "
        "decides; what none matches is taken. " + ORDER,
    ),
]
FilterFrom = Annotated[
    list[str],
    typer.Option(
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="Rules as of --filter, one a line; # and ; begin remarks; - is standard input.",
    ),
]
FilesFrom = Annotated[
    list[str],
    typer.Option(
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="Take exactly these paths, one a line; no other filter goes with it. - is standard input.",
    ),
]
MinSize = Annotated[
    str,
    typer.Option(
        metavar="SIZE", rich_help_panel=_PANEL, help="Only files of at least so much: 500k, 10M, 1.5Gi; bare is KiB."
    ),
]
MaxSize = Annotated[
    str,
    typer.Option(metavar="SIZE", rich_help_panel=_PANEL, help="Only files of at most so much; a bare number is KiB."),
]
MinAge = Annotated[
    str,
    typer.Option(
        metavar="AGE",
        rich_help_panel=_PANEL,
        help="Only files this old or older: 1h30m, 7d, 2w, 1M, 1y, or of a date and before, e.g. 2024-02-29.",
    ),
]
MaxAge = Annotated[
    str, typer.Option(metavar="AGE", rich_help_panel=_PANEL, help="Only files this old or younger, or since a date.")
]
IgnoreCase = Annotated[
    bool,
    typer.Option("--ignore-case", rich_help_panel=_PANEL, help="Patterns take IMG_1.JPG and img_1.jpg for the same."),
]
HashFilter = Annotated[
    str,
    typer.Option(
        metavar="K/N",
        rich_help_panel=_PANEL,
        help="Of N parts of the files the part K, always the same: 0/4; @/4 is one by chance.",
    ),
]


class FilterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """All options that say which files are taken."""

    include: Include = msgspec.field(default_factory=list)
    include_from: IncludeFrom = msgspec.field(default_factory=list)
    exclude: Exclude = msgspec.field(default_factory=list)
    exclude_from: ExcludeFrom = msgspec.field(default_factory=list)
    filter_rules: FilterRules = msgspec.field(default_factory=list)
    filter_from: FilterFrom = msgspec.field(default_factory=list)
    files_from: FilesFrom = msgspec.field(default_factory=list)
    min_size: MinSize = "off"
    max_size: MaxSize = "off"
    min_age: MinAge = "off"
    max_age: MaxAge = "off"
    ignore_case: IgnoreCase = False
    hash_filter: HashFilter = ""

    def filters(self) -> Filters:
        """Return the filters; ages count from now.

        Raises:
            ConfigError: as :func:`filters_of`.
        """
        return filters_of(**msgspec.structs.asdict(self))


def filters_of(
    *,
    include: Sequence[str] = (),
    include_from: Sequence[str] = (),
    exclude: Sequence[str] = (),
    exclude_from: Sequence[str] = (),
    filter_rules: Sequence[str] = (),
    filter_from: Sequence[str] = (),
    files_from: Sequence[str] = (),
    min_size: str = "off",
    max_size: str = "off",
    min_age: str = "off",
    max_age: str = "off",
    ignore_case: bool = False,
    hash_filter: str = "",
    now: datetime | None = None,
) -> Filters:
    """Return the filters that the options of these names ask for; ages count from *now*, by default the present.

    Raises:
        ConfigError: a bad pattern, an empty file, a bad size or age, or filters that nothing can pass.
        OSError: a file cannot be read.
    """
    now = now or datetime.now(UTC)
    youngest, oldest = parse_duration(min_age, now=now), parse_duration(max_age, now=now)
    filters = Filters(
        min_size=parse_size(min_size),
        max_size=parse_size(max_size),
        not_after=None if youngest is None else now - youngest,
        not_before=None if oldest is None else now - oldest,
        rules=parse_rules(
            include=include,
            include_from=include_from,
            exclude=exclude,
            exclude_from=exclude_from,
            rules=filter_rules,
            filter_from=filter_from,
        ),
        ignore_case=ignore_case,
        part=parse_part(hash_filter) if hash_filter else None,
    )
    if not files_from:
        return filters.checked()
    if msgspec.structs.replace(filters, ignore_case=False) != EVERYTHING:
        raise ConfigError("--files-from lists all that is taken: no other filter goes with it")
    return Filters(files=parse_files(files_from)).checked()
