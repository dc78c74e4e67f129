"""Groups of options: one struct in the code, single options on the command line."""

from __future__ import annotations

import inspect
from typing import Annotated

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from ap_remote.cli.options import with_options

Loud = Annotated[bool, typer.Option("--loud", "-l", help="Shout.")]
Names = Annotated[list[str], typer.Option("--name", help="Whom to greet; may be repeated.")]


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    loud: Loud = False
    names: Names = msgspec.field(default_factory=list)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    most: Annotated[int | None, typer.Option(min=1, help="At most.")] = None


class Needy(msgspec.Struct, frozen=True, kw_only=True):
    word: Annotated[str, typer.Option()]


@with_options
def greet(
    word: Annotated[str, typer.Argument()],
    *,
    greeting: Greeting,
    limits: Limits,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> str:
    """Greet people."""
    said = f"{word} {','.join(greeting.names[: limits.most])} json={json}"
    said = said.upper() if greeting.loud else said
    typer.echo(said)
    return said


def invoked(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(greet)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_each_field_is_an_option_of_its_own() -> None:
    assert invoked("hello", "-l", "--name", "ada", "--name", "grace") == "HELLO ADA,GRACE JSON=FALSE"


def test_several_groups_and_own_options_stand_side_by_side() -> None:
    assert invoked("hello", "--name", "ada", "--name", "grace", "--most", "1", "--json") == "hello ada json=True"


def test_without_options_the_defaults_of_the_struct_hold() -> None:
    assert invoked("hello") == "hello  json=False"


def test_typers_own_checks_of_a_field_hold() -> None:
    app = typer.Typer()
    app.command()(greet)
    done = CliRunner().invoke(app, ["hello", "--most", "0"])
    assert done.exit_code == 2


def test_the_help_names_every_field_and_keeps_the_commands_text() -> None:
    said = invoked("--help")
    assert "Greet people." in said
    assert all(option in said for option in ("--loud", "--name", "--most", "--json", "Shout."))


def test_from_python_a_group_or_its_fields_may_be_given() -> None:
    assert greet("hi", greeting=Greeting(names=["ada"])) == "hi ada json=False"
    assert greet("hi", names=["ada"], loud=True) == "HI ADA JSON=FALSE"


def test_a_group_and_its_fields_together_are_refused() -> None:
    with pytest.raises(TypeError, match="greeting and its fields loud"):
        greet("hi", greeting=Greeting(), loud=True)


def test_a_mutable_default_is_not_shared_between_calls() -> None:
    first = inspect.signature(greet).parameters["names"].default
    assert first == []
    assert Greeting().names is not Greeting().names


def test_a_field_without_a_default_is_refused() -> None:
    def command(*, needy: Needy) -> None:
        """Never run."""

    with pytest.raises(TypeError, match=r"Needy\.word has no default"):
        with_options(command)


def test_two_options_of_one_name_are_refused() -> None:
    def command(*, greeting: Greeting, loud: bool = False) -> None:
        """Never run."""

    with pytest.raises(TypeError, match="options twice: loud"):
        with_options(command)
