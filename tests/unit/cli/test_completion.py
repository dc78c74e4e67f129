"""The Tab key, asked as the shells' scripts ask: by variables of the environment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.cli import completion, main
from tests.unit.cli.typed import at_home, plant

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.typed import Ap

NAMES = {
    "Pictures/2023/a.jpg": "a",
    "Pictures/2023/b.jpg": "b",
    "Pictures/2024/only.jpg": "c",
    "Documents/My list.txt": "d",
    'Documents/Anna\'s $(touch pwned) `x` "y" \\z.txt': "e",
    "Documents/one:two.txt": "f",
    "Videos/line\nbreak.mov": "g",
}


PRINTED = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))


@pytest.fixture
def ap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ap:
    """Return what runs ``ap``; the cache knows the whole of ``local:``, and there is a second account."""
    run = at_home(tmp_path / "home", monkeypatch)
    plant(NAMES)
    run("refresh", "local:")
    run("accounts", "add", "london", "--tld", "co.uk")
    return run


@pytest.fixture
def tab(ap: Ap, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what answers a script's question. A request, or a service that is opened, fails the test."""
    del ap

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a remote was opened at the Tab key")

    monkeypatch.setattr("ap_remote.backends.amazon.AmazonPhotosRemote.__init__", refused)
    monkeypatch.setattr("ap_remote.transport.Transport.send", refused)

    def ask(**told: str) -> str:
        with monkeypatch.context() as patch:
            for key, value in told.items():
                patch.setenv(key, value)
            patch.setattr(sys, "argv", ["ap"])
            # Typer's own answers end the process, ours do not.
            with suppress(SystemExit):
                main.main()
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return ask


def bash(tab: Callable[..., str], *words: str) -> list[str]:
    told = tab(_AP_COMPLETE="complete_bash", COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1))
    return told.splitlines()


def fish(tab: Callable[..., str], line: str) -> list[str]:
    told = tab(_AP_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args", _TYPER_COMPLETE_ARGS=line)
    return [row.partition("\t")[0] for row in told.splitlines() if row]


def test_commands_and_options_are_offered(tab: Callable[..., str]) -> None:
    assert {"ls", "lsl", "lsd", "lsf", "lsjson"} <= set(bash(tab, "ap", "ls"))
    assert "--max-depth" in bash(tab, "ap", "ls", "--max")


def test_accounts_come_first_and_are_entered_when_only_one_fits(tab: Callable[..., str]) -> None:
    assert fish(tab, "ap ls lo") == ["local:", "london:"]
    assert fish(tab, "ap ls loc") == ["local:Backup/", "local:Documents/", "local:Pictures/", "local:Videos/"]
    assert fish(tab, "ap ls lon") == ["london:"]


def test_paths_come_from_the_cache(tab: Callable[..., str]) -> None:
    assert fish(tab, "ap ls local:Pictures/2023/") == ["local:Pictures/2023/a.jpg", "local:Pictures/2023/b.jpg"]
    assert fish(tab, "ap ls Pictures/2023/b") == ["Pictures/2023/b.jpg"]
    assert fish(tab, "ap ls local:nowhere/") == []
    assert fish(tab, "ap ls mars:x") == []
    assert fish(tab, "ap ls london:") == []


def test_the_views_are_offered_to_who_types_their_dot(tab: Callable[..., str]) -> None:
    assert fish(tab, "ap lsf local:.views/al") == ["local:.views/albums/"]
    assert {"local:.views/by-date/", "local:.views/trash/"} < set(fish(tab, "ap lsf local:."))
    assert fish(tab, "ap lsf local:.viewsx") == fish(tab, "ap lsf mars:.v") == []
    assert not [each for each in fish(tab, "ap lsf local:") if ".views" in each]


def test_a_folder_alone_is_entered(tab: Callable[..., str]) -> None:
    assert fish(tab, "ap ls local:Pic") == ["local:Pictures/2023/", "local:Pictures/2024/"]
    assert fish(tab, "ap cat local:Pictures/2024") == ["local:Pictures/2024/only.jpg"]


def test_bash_gets_what_stands_behind_the_colon(tab: Callable[..., str]) -> None:
    assert bash(tab, "ap", "ls", "local", ":", "Pictures/2023/a") == ["Pictures/2023/a.jpg"]
    assert bash(tab, "ap", "ls", "local", ":") == ["Backup/", "Documents/", "Pictures/", "Videos/"]
    assert bash(tab, "ap", "ls", "local:Pictures/2023/a") == ["local:Pictures/2023/a.jpg"]


def test_bash_keeps_a_word_apart_that_a_blank_parts(tab: Callable[..., str], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "sums.md5").touch()
    monkeypatch.chdir(tmp_path)
    assert "sums.md5" in bash(tab, "ap", "md5sum", "local", ":", "-C", "")
    assert "Pictures/" not in bash(tab, "ap", "md5sum", "local", ":", "-C", "")


def test_bash_gets_names_that_it_may_insert_as_they_are(tab: Callable[..., str]) -> None:
    (told,) = bash(tab, "ap", "cat", "local", ":", "Documents/My")
    assert told == "Documents/My\\ list.txt"
    assert bash(tab, "ap", "cat", "local", ":", "Documents/My\\ l") == [told]
    assert bash(tab, "ap", "cat", '"local:Documents/My l') == ["local:Documents/My list.txt"]
    (told,) = bash(tab, "ap", "cat", "local", ":", "Documents/Anna")
    assert shlex.split(told) == ['Documents/Anna\'s $(touch pwned) `x` "y" \\z.txt']
    assert bash(tab, "ap", "cat", "local", ":", "Documents/one", ":", "t") == ["two.txt"]


def test_a_quote_may_begin_behind_the_colon(tab: Callable[..., str]) -> None:
    for quote in ("'", '"'):
        assert bash(tab, "ap", "cat", "local", ":", f"{quote}Documents/My l") == ["Documents/My list.txt"]


def test_a_help_of_several_lines_is_no_proposal(tab: Callable[..., str]) -> None:
    assert bash(tab, "ap", "lsf", "--inc") == ["--include", "--include-from"]
    assert fish(tab, "ap lsf --inc") == ["--include", "--include-from"]
    told = tab(
        _AP_COMPLETE="complete_pwsh", _TYPER_COMPLETE_ARGS="ap lsf --inc", _TYPER_COMPLETE_WORD_TO_COMPLETE="--inc"
    )
    assert [row.partition(":::")[0] for row in told.splitlines()] == ["--include", "--include-from"]


def test_a_home_is_completed_and_stays_a_home(
    tab: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "My trip").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bash(tab, "ap", "put", "~/My") == ["~/My\\ trip/"]
    assert tab(_AP_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="ap put ~/My") == "_files\n"
    assert bash(tab, "ap", "put", "~nobody-of-this-name/x") == []


@pytest.mark.parametrize("command", ["copy", "move", "sync", "check", "put", "organise label"])
def test_transfers_take_local_and_remote_paths(
    command: str, tab: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loops").mkdir()
    monkeypatch.chdir(tmp_path)
    assert fish(tab, f"ap {command} lo") == ["local:", "london:", "loops/"]
    if command != "organise label":
        assert fish(tab, f"ap {command} loops local:Pictures/2024") == ["local:Pictures/2024/only.jpg"]


@pytest.mark.parametrize("command", ["get", "dedupe", "mount", "index search"])
def test_what_takes_only_remote_paths_is_offered_no_others(
    command: str, tab: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loops").mkdir()
    monkeypatch.chdir(tmp_path)
    assert fish(tab, f"ap {command} lo") == ["local:", "london:"]
    if command in ("get", "mount"):
        assert fish(tab, f"ap {command} local: lo") == ["loops/"]


@pytest.mark.parametrize("command", ["login", "accounts check", "accounts remove"])
def test_names_of_accounts_are_offered_without_a_colon(command: str, tab: Callable[..., str]) -> None:
    assert fish(tab, f"ap {command} lon") == ["london"]


def test_a_name_that_no_line_can_hold_is_left_out(tab: Callable[..., str]) -> None:
    assert fish(tab, "ap cat local:Videos/l") == []


def zsh(told: str, folder: Path) -> list[str]:
    """Evaluate an answer as Zsh does, once for the line and once for the values; Bash has the same rules of quoting."""
    code = """_arguments() { local v="${1#*: :((}"; eval "a=(${v%))})"; printf '%s\\n' "${a[@]}"; }
eval "$TOLD"
"""
    environ = {**os.environ, "TOLD": told}
    done = subprocess.run(["bash", "-c", code], env=environ, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_zsh_evaluates_no_name(tab: Callable[..., str], tmp_path: Path) -> None:
    told = tab(_AP_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="ap cat local:Documents/")
    assert zsh(told, tmp_path) == [
        'local\\:Documents/Anna\'s $(touch pwned) `x` "y" \\z.txt',
        "local\\:Documents/My list.txt",
        "local\\:Documents/one\\:two.txt",
    ]
    assert not (tmp_path / "pwned").exists()


@settings(max_examples=25)
@given(st.lists(st.text(PRINTED, min_size=1, max_size=8), min_size=1, max_size=6))
def test_whatever_names_are_zsh_reads_them_back(names: list[str]) -> None:
    told = completion._for_zsh([(name, "") for name in names])
    assert zsh(told, Path("/")) == [name.replace(":", "\\:") for name in names]


def test_zsh_without_an_answer_takes_files(tab: Callable[..., str]) -> None:
    assert tab(_AP_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="ap cat local:nowhere/") == "_files\n"


def test_local_arguments_get_local_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "phone.txt").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    assert completion.local_paths("ph") == ["phone.txt", "photos/"]
    assert completion.local_paths("") == ["phone.txt", "photos/"]
    assert completion.local_paths(".h") == [".hidden"]
    assert completion.local_paths(f"{tmp_path}/pho") == [f"{tmp_path}/phone.txt", f"{tmp_path}/photos/"]
    assert completion.local_paths("nowhere/x") == []


def test_a_damaged_cache_and_settings_are_silent(tab: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "home" / "accounts" / "local" / "cache" / "data.mdb").write_bytes(b"no database")
    assert fish(tab, "ap ls local:P") == []
    (tmp_path / "home" / "config.toml").write_text("= [")
    assert fish(tab, "ap ls lo") == []


def test_a_home_that_is_new_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_home(tmp_path / "new", monkeypatch)
    assert completion.remote_paths("lo") == ["local:"]
    assert completion.remote_paths("local:P") == []
    assert not (tmp_path / "new").exists()


def typed(*words: str, **environ: str) -> str:
    """Run ``ap`` as a process, and return what it prints."""
    program = str(Path(sys.executable).with_name("ap"))
    told = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", **environ}
    done = subprocess.run([program, *words], env=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_shown_and_installed(shell: str, tmp_path: Path) -> None:
    assert f"complete_{shell}" in typed("--show-completion", shell, HOME=str(tmp_path))
    typed("--install-completion", shell, HOME=str(tmp_path))
    assert any(f"complete_{shell}" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_real_bash_completes_a_path_with_a_colon(ap: Ap, tmp_path: Path) -> None:
    del ap
    asked = """
COMP_WORDS=(ap cat local : 'Documents/My\\ l'); COMP_CWORD=4
_ap_completion ap
printf '%s|' "${COMPREPLY[@]}"
"""
    code = typed("--show-completion", "bash") + asked
    here = {"AP_HOME": str(tmp_path / "home"), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", code], env={**os.environ, **here}, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "Documents/My\\ list.txt|"
    assert done.stderr == ""


@settings(max_examples=80)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10))
def test_whatever_a_name_is_bash_reads_it_back(name: str) -> None:
    word = completion._Word("", split=False, quoted=False)
    assert shlex.split(completion._for_bash(name, word)) == [name]
