"""``ap`` prints what rclone 1.65.2 prints for the same tree of the same account, byte for byte.

What differs stands in :data:`DIFFERENCES`, and each difference is a test below.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from ap_remote.cli.main import app
from tests.interop.conftest import ROOT, picture, served
from tests.interop.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DIFFERENCES = {
    "order of folders": "rclone prints folders as their answers come; ap level by level, each time the same",
    "turning names": "rclone prints characters that turn the direction of text as they are; ap shows their code",
    "names in JSON": "rclone puts pictures of control characters into lsjson; ap the name that its commands take",
    "control characters in tree": "rclone tree prints some as they are and drops others; ap shows pictures",
    "tree -d": "rclone counts no folders there; ap counts them",
    "tree -D": "rclone's is the service's time, UTC; ap's the local one, as in lsl",
    "cat --head 0": "rclone prints the whole file; ap nothing",
    "lsjson --stat of a folder": "rclone says the present time and no id; ap the folder's",
    "metadata": "rclone's backend has none; ap says when a file was created and taken",
    "missing file": "rclone takes it for a folder that is not there (3); cat and stat say 4",
    "empty stdin": "rclone makes an empty file of an empty pipe; ap rcat refuses, for the pipe may have broken",
}
ODD_NAMES = (
    "semicolon; and & ampersand.txt",
    "quote ' and \" double.txt",
    "brackets [1] (2) {3}.txt",
    "plus + tilde ~ caret ^.txt",
    "ümlaut and 日本語.txt",
    "star and hash #.txt",
    ".hidden",
    "trailing dot..txt",
    "percent %41.txt",
    "comma, here.txt",
    "less < greater >.txt",
    " leading blank.txt",
    "back\\slash.txt",
    "no extension",
    "IMG_1.HEIC",
    "raw.cr2",
    "no-break\xa0space.txt",
    "Aa.txt",
    "aB.txt",
    "␀ picture of nought.txt",
    "␛ picture of escape.txt",
    "fullwidth \uff0f slash.txt",
)
QUOTED_NAME = "quote \u201b of rclone.txt"
"""rclone cannot read such a file from a disk."""
CONTROL_NAMES = ("tab\there.txt", "line\nbreak.txt", "escape\x1b[2J.txt", "delete\x7f.txt")
TURNED = "turned \u202egpj.txt"
ZONE = "America/St_Johns"
"""Half an hour beside the others, so that a zone which is ignored shows."""


class Both(NamedTuple):
    """rclone and ap over one account."""

    rclone: Callable[..., str]
    ap: Callable[..., str]


@pytest.fixture(scope="module")
def both(stranger: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Return what runs one command of each; the account is ``acd:``, and the tree lies in ``acd:t``."""
    folder = tmp_path_factory.mktemp("listing")
    with served(folder / "store") as service, proxied(service.url, folder) as (proxy, certificate):
        token = {"access_token": service.access_token, "token_type": "bearer", "refresh_token": "none"}
        (folder / "home").mkdir()
        (folder / "home" / "config.toml").write_text(
            "max_age = 0.0\n"
            f'[accounts.acd]\nkind = "service"\nurl = "{service.url}"\ncredentials = "{service.credentials}"\n',
            "utf-8",
        )
        (folder / "rclone.conf").touch()
        environ = {
            **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
            "HOME": str(folder),
            "HTTPS_PROXY": proxy,
            "RCLONE_CONFIG": str(folder / "rclone.conf"),
            "RCLONE_CONFIG_ACD_TYPE": "amazon cloud drive",
            "RCLONE_CONFIG_ACD_TOKEN": json.dumps({**token, "expiry": "2099-01-01T00:00:00Z"}),
            "RCLONE_CA_CERT": str(certificate),
            "RCLONE_LOW_LEVEL_RETRIES": "2",
            "RCLONE_RETRIES": "1",
            "TZ": ZONE,
        }

        def rclone(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
            done = subprocess.run(
                [stranger("rclone"), *arguments],
                env=environ,
                cwd=folder,
                capture_output=True,
                timeout=180,
                check=False,
                input=stdin,
            )
            said = done.stderr.decode()
            assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout.decode()}\n{said[-3000:]}"
            return done.stdout.decode()

        def ap(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
            done = CliRunner().invoke(app, arguments, input=stdin, env={"AP_HOME": str(folder / "home")})
            assert done.exit_code == code, f"{arguments}: {done.exit_code}\n{done.output}\n{done.exception}"
            return done.stdout_bytes.decode()

        tools = Both(rclone, ap)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", ZONE)
            time.tzset()
            _plant(tools, folder / "tree")
            yield tools
        time.tzset()


def _plant(tools: Both, tree: Path) -> None:
    for name in (*ODD_NAMES, *CONTROL_NAMES, TURNED):
        (tree / "odd").mkdir(exist_ok=True, parents=True)
        (tree / "odd" / name).write_text(f"this is {name!r}")
    picture(tree / "a picture.jpg", 1, taken="2020:01:01 12:00:00")
    for path, size in (("Zed/B2.txt", 0), ("Zed/b.txt", 1), ("abc/deep/deeper/x.bin", 2048), ("zed.txt", 2_000_000)):
        (tree / path).parent.mkdir(exist_ok=True, parents=True)
        (tree / path).write_bytes(b"x" * size)
    tools.rclone("copy", str(tree), "acd:t")
    tools.ap("rcat", f"acd:t/odd/{QUOTED_NAME}", stdin=b"by another way")
    tools.rclone("mkdir", "acd:t/empty")
    tools.rclone("mkdir", "acd:t/.dotted/inside")


def by_folder(text: str, path: Callable[[str], str]) -> list[list[str]]:
    """Return lines, those of one folder together and in their order; of folders, none is promised."""
    folders: dict[str, list[str]] = {}
    for row in text.splitlines():
        folders.setdefault(path(row).rstrip("/").rpartition("/")[0], []).append(row)
    return [folders[name] for name in sorted(folders)]


def unturned(text: str) -> str:
    """Return rclone's text with that character made visible."""
    return text.replace("\u202e", "\\u202e")


@pytest.mark.parametrize("words", [(), ("--max-depth", "1"), ("--max-depth", "2"), ("--include", "*.{jpg,bin}")])
@pytest.mark.parametrize(
    ("command", "columns"), [("ls", r" *\d+ "), ("lsl", r" *\d+ \S+ \S+ "), ("lsd", r" *-1 \S+ \S+ +-1 ")]
)
def test_listings_for_people_are_the_same(both: Both, command: str, columns: str, words: tuple[str, ...]) -> None:
    there, here = both.rclone(command, "acd:t", *words), both.ap(command, "acd:t", *words)
    assert by_folder(here, lambda row: re.sub(columns, "", row, count=1)) == by_folder(
        unturned(there), lambda row: re.sub(columns, "", row, count=1)
    )
    assert here


@pytest.mark.parametrize("path", ["acd:t", "acd:t/odd", "acd:t/Zed", "acd:t/zed.txt", "acd:t/empty", "acd:"])
@pytest.mark.parametrize("command", ["ls", "lsl", "lsd", "lsf", "size"])
def test_one_folder_is_printed_alike(both: Both, command: str, path: str) -> None:
    depth = ("--max-depth", "1") if command in ("ls", "lsl", "size") else ()
    assert both.ap(command, path, *depth) == unturned(both.rclone(command, path, *depth))


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "pst"),
        ("--format", "tsp", "--separator", ","),
        ("--format", "hp", "--hash", "MD5", "--separator", "  ", "--files-only"),
        ("--format", "imhoT", "--separator", "\t"),
        ("--format", "pp", "--csv"),
        ("--format", "psmt", "--csv", "--separator", ";"),
        ("--absolute", "--dirs-only"),
        ("--csv", "--absolute", "--format", "ps"),
        ("-F", "sp", "-s", "|"),
    ],
)
@pytest.mark.parametrize("path", ["acd:t", "acd:t/odd"])
def test_lsf_follows_its_format(both: Both, path: str, words: tuple[str, ...]) -> None:
    assert both.ap("lsf", path, *words) == unturned(both.rclone("lsf", path, *words))


@pytest.mark.parametrize("words", [("-R",), ("--max-depth", "2"), ("-R", "--files-only"), ("-R", "--dirs-only")])
def test_lsf_descends_alike(both: Both, words: tuple[str, ...]) -> None:
    here, there = both.ap("lsf", "acd:t", *words), unturned(both.rclone("lsf", "acd:t", *words))
    assert by_folder(here, str) == by_folder(there, str)


def test_folders_without_slashes(both: Both) -> None:
    assert both.ap("lsf", "acd:t", "--no-dir-slash") == both.rclone("lsf", "acd:t", "--dir-slash=false")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--hash",),
        ("--hash-type", "MD5", "--files-only"),
        ("--original", "--no-modtime"),
        ("--no-mimetype", "--dirs-only"),
    ],
)
@pytest.mark.parametrize("path", ["acd:t", "acd:t/zed.txt", "acd:t/empty", "acd:"])
def test_lsjson_is_the_same_array(both: Both, path: str, words: tuple[str, ...]) -> None:
    assert both.ap("lsjson", path, *words) == both.rclone("lsjson", path, *words)


def test_lsjson_of_odd_names_is_escaped_alike(both: Both) -> None:
    words = ("acd:t/odd", "--hash", "--exclude", "/{*here*,*break*,escape*,delete*,*\u201b*,*picture*,fullwidth*}")
    assert both.ap("lsjson", *words) == both.rclone("lsjson", *words)


def test_lsjson_descends_alike(both: Both) -> None:
    words = ("lsjson", "acd:t", "-R", "--exclude", "/odd/**")
    here, there = (by_folder(run(*words).replace("},", "}"), _json_path) for run in (both.ap, both.rclone))
    assert here == there


def _json_path(row: str) -> str:
    return str(json.loads(row)["Path"]) if row.startswith("{") else ""


def test_lsjson_stat_of_a_file_is_the_same_object(both: Both) -> None:
    words = ("lsjson", "acd:t/a picture.jpg", "--stat", "--hash")
    assert both.ap(*words) == both.rclone(*words)


@pytest.mark.parametrize("words", [(), ("--json",), ("--max-depth", "1"), ("--include", "*.jpg")])
def test_size_is_the_same(both: Both, words: tuple[str, ...]) -> None:
    assert both.ap("size", "acd:t", *words) == both.rclone("size", "acd:t", *words)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-a",),
        ("-s",),
        ("-s", "-a", "--level", "1"),
        ("--level", "2", "--dirsfirst"),
        ("--full-path", "-Q"),
        ("--noindent", "--noreport"),
        ("-d", "--noreport"),
        ("--include", "*.bin"),
        ("--sort", "size", "-r"),
        ("-t",),
    ],
)
def test_the_tree_has_the_same_branches(both: Both, words: tuple[str, ...]) -> None:
    words = ("tree", "acd:t", "--exclude", "/odd/**", *words)
    if "--include" in words:
        words = tuple(word for word in words if word not in ("--exclude", "/odd/**"))
    assert both.ap(*words) == both.rclone(*words)


def test_the_tree_of_odd_names_is_the_same(both: Both) -> None:
    words = (
        "tree",
        "acd:t/odd",
        "--exclude",
        "/{*here*,*break*,escape*,delete*,*\u201b*,*picture*,fullwidth*,turned*}",
    )
    assert both.ap(*words) == both.rclone(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("md5sum", "acd:t"),
        ("md5sum", "acd:t/zed.txt"),
        ("hashsum", "MD5", "acd:t/odd", "--base64"),
        ("hashsum", "md5", "acd:t", "--include", "*.jpg"),
        ("hashsum", "sha1", "acd:t/Zed", "--download"),
        ("hashsum", "SHA256", "acd:t/Zed", "--download", "--base64"),
    ],
)
def test_checksums_are_the_same(both: Both, words: tuple[str, ...]) -> None:
    assert sorted(both.ap(*words).splitlines()) == sorted(unturned(both.rclone(*words)).splitlines())


def test_a_list_of_checksums_is_compared_alike(both: Both, tmp_path: Path) -> None:
    sums = dict(
        reversed(row.split("  ", 1)) for row in both.rclone("md5sum", "acd:t", "--exclude", "/odd/**").splitlines()
    )
    sums["zed.txt"] = "0" * 32
    sums["gone.txt"] = "1" * 32
    del sums["Zed/b.txt"]
    (tmp_path / "sums").write_text("".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    words = ("hashsum", "md5", "-C", str(tmp_path / "sums"), "acd:t", "--exclude", "/odd/**")
    here, there = (sorted(run(*words, code=1).splitlines()) for run in (both.ap, both.rclone))
    assert (
        here
        == there
        == ["* zed.txt", "+ gone.txt", "- Zed/b.txt", "= Zed/B2.txt", "= a picture.jpg", "= abc/deep/deeper/x.bin"]
    )


def test_checksums_that_agree_end_well(both: Both, tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(both.ap("md5sum", "acd:t/odd"))
    both.ap("hashsum", "md5", "-C", str(tmp_path / "sums"), "acd:t/odd")
    both.rclone("hashsum", "md5", "-C", str(tmp_path / "sums"), "acd:t/odd", "--exclude", "turned*")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--head", "3"),
        ("--tail", "3"),
        ("--offset", "2", "--count", "4"),
        ("--offset", "-4"),
        ("--offset", "-4", "--count", "2"),
        ("--discard",),
    ],
)
def test_parts_of_files_are_the_same(both: Both, words: tuple[str, ...]) -> None:
    assert both.ap("cat", "acd:t/odd/.hidden", *words) == both.rclone("cat", "acd:t/odd/.hidden", *words)


def test_the_files_of_a_folder_follow_each_other(both: Both) -> None:
    both.rclone("rcat", "acd:cat/b.txt", stdin=b"second")
    both.rclone("rcat", "acd:cat/a.txt", stdin=b"first")
    words = ("cat", "acd:cat", "--include", "a.*", "--separator", "|")
    assert both.ap(*words) == both.rclone(*words) == "first|"
    assert both.ap("cat", "acd:cat", "-R", "--separator", "|") == "first|second|"


@pytest.mark.parametrize("command", ["ls", "lsl", "lsd", "lsf", "lsjson", "tree", "size", "md5sum", "rmdir"])
def test_a_folder_that_is_not_there_is_the_same_exit_code(both: Both, command: str) -> None:
    both.rclone(command, "acd:nowhere", code=3)
    both.ap(command, "acd:nowhere", code=3)


def test_empty_folders_are_removed_alike(both: Both) -> None:
    for tool, name in ((both.rclone, "there"), (both.ap, "here")):
        for path in ("a/b", "c", "kept/d", "kept/e/f"):
            both.rclone("mkdir", f"acd:{name}/{path}")
        both.rclone("rcat", f"acd:{name}/kept/e/file.txt", stdin=b"x")
        tool("rmdirs", f"acd:{name}/a")
        tool("rmdirs", f"acd:{name}/kept", "--leave-root")
        tool("rmdir", f"acd:{name}/c")
    here, there = (both.rclone("lsf", "-R", f"acd:{name}") for name in ("here", "there"))
    assert here == there == "kept/\nkept/e/\nkept/e/file.txt\n"


# -- DIFFERENCES -------------------------------------------------------------------------------------------------------


def test_every_difference_is_shown() -> None:
    shown = {name for name in DIFFERENCES if f"DIFFERENCES[{name!r}]".replace("'", '"') in _SOURCE}
    assert shown == set(DIFFERENCES)


def test_folders_come_level_by_level(both: Both) -> None:
    assert DIFFERENCES["order of folders"]
    rows = both.ap("lsf", "acd:t", "-R", "--dirs-only").splitlines()
    assert rows == sorted(rows, key=lambda row: (row.count("/"), row))


def test_names_that_turn_the_direction_of_text_are_made_visible(both: Both) -> None:
    assert DIFFERENCES["turning names"]
    assert "turned \u202egpj.txt" in both.rclone("lsf", "acd:t/odd")
    assert "turned \\u202egpj.txt" in both.ap("lsf", "acd:t/odd")


def test_json_has_the_names_that_commands_take(both: Both) -> None:
    assert DIFFERENCES["names in JSON"]
    there, here = (
        {row["Name"] for row in json.loads(run("lsjson", "acd:t/odd", "--include", "{tab,escape}*"))}
        for run in (both.rclone, both.ap)
    )
    assert there == {"tab␉here.txt", "escape␛[2J.txt"}
    assert here == {"tab\there.txt", "escape\x1b[2J.txt"}


def test_the_tree_moves_no_cursor(both: Both) -> None:
    assert DIFFERENCES["control characters in tree"]
    there, here = both.rclone("tree", "acd:t/odd"), both.ap("tree", "acd:t/odd")
    assert "tab\there.txt" in there
    assert "escape.txt" in there
    assert "tab␉here.txt" in here
    assert "escape␛[2J.txt" in here


def test_a_tree_of_folders_counts_them(both: Both) -> None:
    assert DIFFERENCES["tree -d"]
    assert both.rclone("tree", "acd:t", "-d").splitlines()[-1] == "0 directories"
    assert both.ap("tree", "acd:t", "-d").splitlines()[-1] == "6 directories"


def test_the_times_of_a_tree_are_local(both: Both) -> None:
    assert DIFFERENCES["tree -D"]
    there, here = (re.findall(r"\[(.{12})\]", run("tree", "acd:t", "-D")) for run in (both.rclone, both.ap))
    zone = ZoneInfo(ZONE)
    year = datetime.now(UTC).year
    moved = [
        datetime.strptime(f"{year} {each} +0000", "%Y %b %d %H:%M %z").astimezone(zone).strftime("%b %d %H:%M")
        for each in there
    ]
    assert here == moved != there


def test_no_bytes_are_no_bytes(both: Both) -> None:
    assert DIFFERENCES["cat --head 0"]
    assert both.rclone("cat", "acd:t/odd/.hidden", "--head", "0") == "this is '.hidden'"
    assert both.ap("cat", "acd:t/odd/.hidden", "--head", "0") == ""


def test_a_folder_is_described_with_its_id(both: Both) -> None:
    assert DIFFERENCES["lsjson --stat of a folder"]
    there, here = (json.loads(run("lsjson", "acd:t/Zed", "--stat")) for run in (both.rclone, both.ap))
    (row,) = json.loads(both.rclone("lsjson", "acd:t", "--include", "/Zed/**", "--dirs-only"))
    assert (here["ID"], here["ModTime"]) == (row["ID"], row["ModTime"])
    assert "ID" not in there
    assert datetime.fromisoformat(there["ModTime"]) > datetime.fromisoformat(row["ModTime"])
    ours = ("ID", "ModTime")
    assert {key: each for key, each in here.items() if key not in ours} == {
        key: each for key, each in there.items() if key not in ours
    }


def test_metadata_is_what_the_service_knows(both: Both) -> None:
    assert DIFFERENCES["metadata"]
    (row,) = json.loads(both.ap("lsjson", "acd:t/a picture.jpg", "-M"))
    assert row["Metadata"]["taken"] == "2020-01-01T12:00:00Z"
    assert both.rclone("lsf", "acd:t/a picture.jpg", "--format", "M") == "{}\n"


def test_a_missing_file_is_no_missing_folder(both: Both) -> None:
    assert DIFFERENCES["missing file"]
    both.rclone("cat", "acd:t/nothing.txt", code=3)
    both.ap("cat", "acd:t/nothing.txt", code=4)
    both.ap("stat", "acd:t/nothing.txt", code=4)


def test_empty_input_makes_no_file(both: Both) -> None:
    assert DIFFERENCES["empty stdin"]
    both.rclone("rcat", "acd:piped/there.txt", stdin=b"")
    both.ap("rcat", "acd:piped/here.txt", stdin=b"", code=2)
    assert both.rclone("lsf", "acd:piped") == "there.txt\n"


_SOURCE = (ROOT / "tests" / "interop" / "test_rclone_listing.py").read_text("utf-8")
