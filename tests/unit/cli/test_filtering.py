"""The options that say which files are taken, on a command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from ap_remote.cli.filtering import FilterOptions, filters_of
from ap_remote.cli.options import with_options
from ap_remote.errors import ConfigError
from ap_remote.transfer.filters import EVERYTHING, Filters, Rule

NOW = datetime(2024, 3, 1, tzinfo=UTC)


def typed(*arguments: str) -> Filters:
    found: list[Filters] = []

    @with_options
    def command(*, filtering: FilterOptions) -> None:
        found.append(filtering.filters())

    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return found[0]


def plus(pattern: str) -> Rule:
    return Rule(takes=True, pattern=pattern)


def minus(pattern: str) -> Rule:
    return Rule(takes=False, pattern=pattern)


def test_nothing_typed_is_everything() -> None:
    assert typed() == EVERYTHING


def test_rules_may_be_repeated_and_are_sorted_by_kind_as_rclone_does() -> None:
    found = typed("-f", "- c", "--exclude", "b", "--include", "a1", "--filter", "+ d", "--include", "a2")
    assert found.rules == (plus("a1"), plus("a2"), minus("b"), minus("c"), plus("d"), minus("/**"))


def test_all_kinds_of_files_are_read(tmp_path) -> None:
    for name, text in {"plus": "a\n", "minus": "b\n", "both": "+ c\n- d\n", "files": "x/y\n"}.items():
        (tmp_path / name).write_text(text)
    found = typed(
        *("--include-from", str(tmp_path / "plus"), "--exclude-from", str(tmp_path / "minus")),
        *("--filter-from", str(tmp_path / "both")),
    )
    assert found.rules == (plus("a"), minus("b"), plus("c"), minus("d"), minus("/**"))
    assert typed("--files-from", str(tmp_path / "files")).files == frozenset({"x/y"})


def test_sizes_case_and_parts() -> None:
    found = typed("--min-size", "1", "--max-size", "1.5M", "--ignore-case", "--hash-filter", "5/4")
    assert found == Filters(min_size=1024, max_size=1_572_864, ignore_case=True, part=(1, 4))


def test_ages_count_from_now_and_dates_are_themselves() -> None:
    found = filters_of(min_age="1d", max_age="2024-01-01T00:00:00Z", now=NOW)
    assert found.not_after == datetime(2024, 2, 29, tzinfo=UTC)
    assert found.not_before == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--include", "a["], r"bad pattern 'a\['"),
        (["--filter", "*.jpg"], "filter rule"),
        (["--min-size", "10MB"], "a size is"),
        (["--max-age", "soon"], "a duration is"),
        (["--hash-filter", "3"], "K/N"),
        (["--include", ""], "pattern is empty"),
        (["--include", "dir/"], r"dir/\*\*"),
        (["--exclude", "*"], "no file passes"),
        (["--min-age", "2d", "--max-age", "1d"], "no file passes"),
        (["--min-size", "2M", "--max-size", "1M"], "no file passes"),
        (["--filter", "!"], "filter is empty"),
    ],
)
def test_bad_filters_are_one_sentence_and_wrong_use(arguments: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        typed(*arguments)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["--include", "a"], ["--min-size", "1"], ["--max-age", "1d"], ["--hash-filter", "0/2"]]
)
def test_a_list_of_files_goes_with_no_other_filter(tmp_path, arguments: list[str]) -> None:
    (tmp_path / "files").write_text("a\n")
    with pytest.raises(ConfigError, match="no other filter"):
        typed("--files-from", str(tmp_path / "files"), *arguments)


def test_a_file_of_rules_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        typed("--filter-from", str(tmp_path / "nowhere"))
    assert caught.value.filename == str(tmp_path / "nowhere")


def test_the_help_tells_the_unit_of_a_bare_size_and_the_order_of_rules() -> None:
    @with_options
    def command(*, filtering: FilterOptions) -> None:
        """Never run."""

    app = typer.Typer()
    app.command()(command)
    said = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.replace("│", " ").split())
    assert "bare is KiB" in said
    assert "--include, --include-from, --exclude, --exclude-from, --filter, --filter-from" in said
