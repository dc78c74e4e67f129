"""The command over the embedded service, as a person types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from ap_remote import errors
from ap_remote.cli.main import app


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "one file.txt").write_text("one", "utf-8")
    (folder / "two.csv").write_text("a,b\n1,2\n", "utf-8")
    return folder


def test_put_list_cat_and_get_go_round(ap, files: Path, tmp_path: Path) -> None:
    assert "2 uploaded" in ap("put", f"{files}/", "local:Documents").stdout
    assert ap("lsf", "local:Documents").stdout == "one file.txt\ntwo.csv\n"
    assert ap("ls", "local:Documents").stdout == "        3 one file.txt\n        8 two.csv\n"
    assert ap("cat", "local:Documents/one file.txt").stdout == "one"
    assert ap("cat", "local:Documents/two.csv", "--offset", "2", "--count", "1").stdout == "b"
    ap("get", "local:Documents", str(tmp_path / "back"))
    assert (tmp_path / "back" / "Documents" / "two.csv").read_text("utf-8") == "a,b\n1,2\n"


def test_json_rows_have_the_promised_keys(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    rows = [json.loads(row) for row in ap("lsjson", "local:", "--recursive", "--json").stdout.splitlines()]
    assert all({"path", "name", "id", "kind", "size", "md5", "modified"} <= set(row) for row in rows)
    assert {row["path"] for row in rows if row["kind"] == "file"} == {"Documents/one file.txt", "Documents/two.csv"}


def test_trash_restore_and_delete_need_two_steps_for_ever(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    path = "local:Documents/two.csv"
    assert "not in the trash" in ap("delete", "--yes", path, code=2).stderr
    ap("trash", path)
    assert ap("lsf", "local:Documents").stdout == "one file.txt\n"
    assert ap("lsf", "local:.views/trash").stdout == "two.csv\n"
    ap("restore", path)
    assert "two.csv" in ap("lsf", "local:Documents").stdout
    ap("trash", path)
    assert "--yes" in ap("delete", path, code=2).stderr
    ap("delete", "--yes", path)
    assert ap("lsf", "local:.views/trash").stdout == ""


def test_the_whole_library_cannot_be_trashed(ap) -> None:
    assert "whole library" in ap("trash", "local:", code=2).stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("stat", "local:nowhere.jpg"), 4, "no such entry"),
        (("ls", "mars:"), 2, "no account named 'mars'"),
        (("cat", "local:Documents"), 2, "is a folder"),
        (("search", "local:", "type:(PHOTOS"), 2, "character"),
        (("search", "local:", "kind:FILE"), 2, "kind"),
        (("put", "nowhere.jpg", "local:"), 4, "nowhere.jpg"),
        (("put", "x"), 2, "at least one local file"),
        (("mkdir", "local:" + "x" * 257), 2, "257 characters"),
        (("stat", "local:a\0b"), 2, "NUL"),
        (("aggregations", "local:", "colour"), 2, "unknown category"),
        (("search", "local:", "--semantic", "a cat"), 12, "ap index build"),
        (("search", "local:", "--like", "nowhere.jpg"), 2, "no such picture"),
        (("organise", "apply", "local:"), 14, "ap organise plan"),
        (("organise", "plan", "local:", "--by", "mood"), 2, "known are theme, event, person, place, month"),
        (("organise", "plan", "local:", "--by", "place", "--granularity", "huge"), 2, "known are coarse, normal, fine"),
        (("accounts", "add", "x", "--kind", "service"), 2, "--url"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence_with_its_code(ap, words, code, told) -> None:
    result = ap(*words, code=code)
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_missing_and_incomplete_credentials_are_said(ap, tmp_path: Path) -> None:
    ap("accounts", "add", "home", "--tld", "com")
    assert "ap accounts add home" in ap("ls", "home:", code=7).stderr
    cookies = tmp_path / "cookies.json"
    cookies.write_text(json.dumps({"session-id": "CANARY-1", "ubid-main": "CANARY-2"}), "utf-8")
    ap("accounts", "add", "home", "--tld", "com", "--cookies", str(cookies))
    told = ap("ls", "home:", code=7)
    assert "at-main" in told.stderr
    assert "CANARY" not in told.output
    kept = tmp_path / "home" / "accounts" / "home" / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_folder_where_a_file_stands_is_refused(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    assert "is a file" in ap("mkdir", "local:Documents/two.csv/deeper", code=2).stderr


def test_search_and_aggregations_count_what_was_put(ap, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.jpg")
    ap("put", str(tmp_path / "red.jpg"), "local:Pictures")
    assert ap("search", "local:", "type:(PHOTOS)").stdout == "Pictures/red.jpg\n"
    rows = [json.loads(row) for row in ap("aggregations", "local:", "type", "--json").stdout.splitlines()]
    assert {row["value"]: row["count"] for row in rows}["PHOTOS"] == 1


def test_about_and_albums_and_refresh_answer(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    assert "photos" in ap("about", "local:").stdout
    assert ap("albums", "local:").stdout == ""
    assert "nodes seen" in ap("refresh", "local:").stdout


def test_move_renames_without_sending_bytes(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    ap("mkdir", "local:Videos/new")
    before = json.loads(ap("stat", "local:Documents/two.csv", "--json").stdout)["id"]
    ap("moveto", "local:Documents/two.csv", "local:Videos/new/three.csv")
    assert json.loads(ap("stat", "local:Videos/new/three.csv", "--json").stdout)["id"] == before
    ap("stat", "local:Documents/two.csv", code=4)


def test_a_full_disk_is_one_sentence(ap, files: Path, tmp_path: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    target = tmp_path / "blocked"
    target.mkdir()
    target.chmod(0o500)
    result = ap("get", "local:Documents/two.csv", "/dev/full", code=1)
    assert "Traceback" not in result.output


def test_version_and_help_answer(ap) -> None:
    assert ap("--version").stdout.startswith("ap ")
    assert "organise" in ap("--help").stdout


def _commands(group, *above: str):
    for name, command in group.commands.items():
        yield [*above, name]
        if hasattr(command, "commands"):
            yield from _commands(command, *above, name)


def test_each_help_answers_in_plain_text(ap) -> None:
    words = list(_commands(typer.main.get_command(app)))
    assert len(words) > 30
    for each in words:
        shown = ap(*each, "--help").stdout
        assert "Usage: " in shown
        # Rich would turn a word between two colons into a pictogram.
        assert not any(ord(char) > 0x1F000 for char in shown), each


def test_help_lists_every_exit_code_that_an_error_has(ap) -> None:
    def below(kind: type[errors.RemoteError]) -> set[int]:
        return {kind.exit_code}.union(*(below(each) for each in kind.__subclasses__()))

    told = ap("--help").stdout.partition("Exit codes:")[2]
    assert below(errors.RemoteError) | {0, 8, 9, 130} == {int(each) for each in re.findall(r"\d+", told)}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("ls", "local"), 3, "local:"),
        (("stat", "local"), 4, "local:"),
        (("search", "type:(PHOTOS)"), 2, "ap search local: 'type:(PHOTOS)'"),
        (("search", "local:", "a cat"), 2, "--semantic 'a cat'"),
        (("search", "local:", "type:(photos)"), 2, "PHOTOS"),
        (("accounts", "add", "x", "--tld", "zz"), 2, "amazon.zz"),
        (("accounts", "remove", "local"), 2, "always there"),
    ],
)
def test_a_human_mistake_is_answered_with_what_was_meant(ap, words, code, told) -> None:
    assert told in ap(*words, code=code).stderr


def test_an_account_that_is_refused_leaves_no_cookies(ap, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.json"
    cookies.write_text(json.dumps({"session-id": "CANARY-1", "at-main": "CANARY-2"}), "utf-8")
    ap("accounts", "add", "x", "--tld", "zz", "--cookies", str(cookies), code=2)
    assert not (tmp_path / "home" / "accounts" / "x").exists()
    assert "x" not in ap("accounts", "list", "--json").stdout.replace("local", "")


def test_removing_an_account_removes_its_cookies(ap, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.json"
    cookies.write_text(json.dumps({"session-id": "a", "ubid-main": "b", "at-main": "c"}), "utf-8")
    ap("accounts", "add", "home", "--cookies", str(cookies))
    rows = [json.loads(row) for row in ap("accounts", "list", "--json").stdout.splitlines()]
    assert [(row["name"], row["kind"], row["tld"]) for row in rows] == [
        ("local", "local", None),
        ("home", "amazon", "com"),
    ]
    ap("accounts", "remove", "home:")
    assert not (tmp_path / "home" / "accounts" / "home" / "credentials.json").exists()
    assert len(ap("accounts", "list").stdout.splitlines()) == 1


def test_a_download_of_nothing_makes_no_folder(ap, tmp_path: Path) -> None:
    ap("get", "local:nope", str(tmp_path / "out"), code=4)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "path", ["local:Documents", "local:Documents/", "local:/Documents", "Documents", "/Documents//"]
)
def test_a_path_is_understood_with_and_without_slashes_and_colon(ap, files: Path, path: str) -> None:
    ap("put", f"{files}/", "local:Documents")
    assert ap("lsf", path).stdout == "one file.txt\ntwo.csv\n"


def test_an_id_stands_for_its_path(ap, files: Path) -> None:
    ap("put", f"{files}/", "local:Documents")
    node = json.loads(ap("stat", "local:Documents/two.csv", "--json").stdout)["id"]
    assert ap("cat", f"local:id:{node}").stdout == ap("cat", f"id:{node}").stdout == "a,b\n1,2\n"


def test_stat_gives_each_field_a_row_of_its_own(ap, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.jpg")
    ap("put", str(tmp_path / "red.jpg"), "local:Pictures")
    rows = dict(row.split(maxsplit=1) for row in ap("stat", "local:Pictures/red.jpg").stdout.splitlines())
    assert (rows["width"].strip(), rows["height"].strip()) == ("40", "30")
    assert rows["modified"].strip().endswith("UTC")
    assert not any(char in "".join(rows.values()) for char in "{}()'" if char not in rows["size"])


def test_the_manual_lists_the_exit_codes_of_the_help(ap) -> None:
    manual = Path(__file__).parents[3].joinpath("docs", "ap.md").read_text("utf-8").partition("## Exit codes")[2]
    told = ap("--help").stdout.partition("Exit codes:")[2]
    assert re.findall(r"^\| (\d+) \|", manual, re.MULTILINE) == re.findall(r"\d+", told)


def test_names_cannot_play_tricks_on_a_terminal(ap, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb\u202egpj.txt").write_text("x", "utf-8")
    ap("put", f"{tmp_path}/a\x1b[2Jb\u202egpj.txt", "local:Documents")
    assert ap("lsf", "local:Documents").stdout == "a␛[2Jb\\u202egpj.txt\n"
    (row,) = (json.loads(row) for row in ap("lsjson", "local:Documents", "--json").stdout.splitlines())
    assert row["name"] == "a\x1b[2Jb\u202egpj.txt"
