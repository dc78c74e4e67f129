"""Transfers that cannot be as they were asked for: one sentence, the right code, and nothing is changed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ap_remote.cli.sides import end_of, ends_of
from ap_remote.errors import AuthenticationError, ConfigError

pytest_plugins = ["tests.unit.cli.memory"]


@pytest.fixture
def ap(typed):
    return typed


def sentences(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("ap: ")]


@pytest.mark.parametrize("verb", ["copy", "move", "sync"])
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("photos", "elsewhere"), 2, "cp and rsync"),
        (("photos", "mars:Pics"), 2, "no account named 'mars'"),
        (("mars:Pics", "photos"), 2, "no account named 'mars'"),
        (("nowhere", "local:Pics"), 3, "nowhere"),
        (("local:nowhere", "photos"), 3, "nowhere"),
        (("photos", "local:Here/file"), 2, "is a file"),
        (("local:Here", "photos/one.txt"), 2, "is a file"),
        (("local:Here", "local:Here/deeper"), 2, "lies in the source"),
        (("local:Here", "local:HERE"), 2, "one and the same"),
        (("local:Here/file", "local:Here"), 2, "already"),
        (("photos", "local:Pics", "--filter", "nonsense"), 2, "nonsense"),
        (("photos", "local:Pics", "--include", "[a"), 2, "[a"),
        (("photos", "local:Pics", "--exclude", "*"), 2, "no file passes"),
        (("photos", "local:Pics", "--min-size", "2M", "--max-size", "1M"), 2, "no file passes"),
        (("photos", "local:Pics", "--min-size", "huge"), 2, "huge"),
        (("photos", "local:Pics", "--max-transfer", "much"), 2, "much"),
        (("photos", "local:Pics", "--bwlimit", "fast"), 2, "fast"),
        (("photos", "local:Pics", "--stats", "often"), 2, "often"),
        (("photos", "local:Pics", "--order-by", "colour"), 2, "colour"),
        (("photos", "local:Pics", "--checksum", "--size-only"), 2, "choose one"),
        (("photos", "local:Pics", "--backup-dir", "old"), 2, "target's side"),
        (("photos", "local:Pics", "--backup-dir", "local:Pics/old"), 2, "must lie beside it"),
        (("photos", "local:Pics", "--interactive"), 2, "nobody can be asked"),
        (("photos", "local:Pics", "--report", "/no/where/r.json"), 2, "--report"),
        (("photos", "local:.views/albums"), 2, "can only be read"),
        (("photos", "local:a\0b"), 2, "NUL"),
        (("", "local:Pics"), 2, "empty path"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_changed(
    ap, library, photos: Path, monkeypatch, *, verb, words, code, told
) -> None:
    monkeypatch.chdir(photos.parent)
    library.fill(Here__file=b"x")
    result = ap(verb, *words, code=code)
    (said,) = sentences(result.stderr)
    assert told in said
    assert result.stdout == ""
    assert (library.paths(), library.trashed()) == (["Here/file"], [])
    assert sorted(each.name for each in photos.parent.iterdir() if each.name != "home") == ["photos"]
    assert len([*photos.rglob("*.txt")]) == 3


def test_filters_that_let_nothing_through_trash_nothing(ap, library, photos: Path) -> None:
    library.fill(Pics__old=b"old")
    ap("sync", photos, "local:Pics", "--include", "*.heic", "--yes")
    assert library.paths() == ["Pics/old"]


def test_more_removals_than_allowed_are_refused_as_a_whole(ap, library, photos: Path) -> None:
    library.fill(Pics__a=b"a", Pics__b=b"b")
    (said,) = sentences(ap("sync", photos, "local:Pics", "--max-delete", "1", "--yes", code=14).stderr)
    assert "2 files" in said
    assert "--max-delete" in said
    assert (library.paths(), library.trashed()) == (["Pics/a", "Pics/b"], [])
    ap("sync", photos, "local:Pics", "--max-delete", "2", "--yes")
    assert library.trashed() == ["Pics/a", "Pics/b"]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="nothing is forbidden to this user")
def test_a_source_that_cannot_be_read_whole_is_not_synced(ap, library, photos: Path) -> None:
    library.fill(Pics__a=b"a")
    (photos / "trip").chmod(0)
    try:
        (said,) = sentences(ap("sync", photos, "local:Pics", "--yes", code=5).stderr)
    finally:
        (photos / "trip").chmod(0o755)
    assert "trip" in said
    assert library.paths() == ["Pics/a"]


def test_a_folder_that_cannot_be_listed_stops_a_sync(ap, library, photos: Path, monkeypatch) -> None:
    library.fill(Pics__a=b"a")
    scandir = os.scandir

    def forbidden(path):
        if str(path).endswith("trip"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    (said,) = sentences(ap("sync", photos, "local:Pics", "--yes", code=5).stderr)
    assert "trip" in said
    assert "nothing is removed" in said
    assert library.paths() == ["Pics/a"]
    # A copy removes nothing: it brings the rest, and tells what it could not see.
    told = ap("copy", photos, "local:Pics", code=1)
    assert "Permission denied" in told.stderr
    assert library.paths() == ["Pics/a", "Pics/one.txt", "Pics/two.txt"]


def test_an_expired_login_ends_a_run_with_a_way_to_go_on(
    ap, library, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    put = library.remote.put

    async def expired(source, path, **options):
        if path.endswith("one.txt"):
            return await put(source, path, **options)
        raise AuthenticationError("the session has ended: `ap login local`")

    monkeypatch.setattr(library.remote, "put", expired)
    report = tmp_path / "report.json"
    told = ap("copy", photos, "local:Pics", "--transfers", "1", "--report", report, code=7)
    (said,) = sentences(told.stderr)
    assert "the session has ended" in said
    assert "ap transfer resume" in told.stderr
    written = json.loads(report.read_text())
    assert (written["exit_code"], written["error"]) == (7, "the session has ended: `ap login local`")
    assert [row["target"] for row in written["files"] if row["deed"] == "copied"] == ["Pics/one.txt"]
    monkeypatch.undo()


def test_a_report_is_written_when_the_source_is_missing(ap, tmp_path: Path) -> None:
    ap("copy", tmp_path / "nowhere", "local:Pics", "--report", tmp_path / "report.json", code=3)
    assert "nowhere" in json.loads((tmp_path / "report.json").read_text())["error"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda plan: plan["steps"].pop(), "was changed after it was made"),
        (lambda plan: plan.update(target="local:Other"), "was changed after it was made"),
        (lambda plan: plan.update(format=99), "newer"),
        (lambda plan: plan.pop("verb"), "is no plan"),
    ],
)
def test_a_plan_that_was_tampered_with_is_not_run(ap, library, photos: Path, tmp_path: Path, *, change, told) -> None:
    file = tmp_path / "plan.json"
    ap("copy", photos, "local:Pics", "--save-plan", file)
    plan = json.loads(file.read_text())
    change(plan)
    file.write_text(json.dumps(plan))
    (said,) = sentences(ap("transfer", "run", file, code=12 if told == "newer" else 14).stderr)
    assert told in said
    assert library.paths() == []


def test_a_plan_of_another_account_is_not_run(ap, library, photos: Path, tmp_path: Path) -> None:
    import msgspec

    from ap_remote.transfer.plan import sealed
    from ap_remote.transfer.planfile import load_plan, save_plan

    file = tmp_path / "plan.json"
    ap("copy", photos, "local:Pics", "--save-plan", file)
    save_plan(sealed(msgspec.structs.replace(load_plan(file), target="home:Pics")), file)
    (said,) = sentences(ap("transfer", "run", file, code=2).stderr)
    assert "no account named 'home'" in said
    assert library.paths() == []


def test_a_plan_whose_source_has_changed_leaves_that_file_alone(ap, library, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    ap("copy", photos, "local:Pics", "--save-plan", file)
    (photos / "one.txt").write_text("another one")
    told = ap("transfer", "run", file, code=1)
    assert "changed since the plan was made" in told.stderr
    assert "Pics/one.txt" not in library.paths()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("transfer", "resume"), "ap transfer list"),
        (("transfer", "undo", "--yes"), "ap transfer list"),
        (("transfer", "show", "abc"), "no transfer 'abc'"),
        (("transfer", "run", "nowhere.json"), "nowhere.json"),
    ],
)
def test_a_transfer_that_never_was_is_not_found(ap, words, told) -> None:
    (said,) = sentences(ap(*words, code=14).stderr)
    assert told in said


@pytest.mark.parametrize(
    ("text", "windows", "is_remote"),
    [
        ("home:Pictures", False, True),
        ("home:", False, True),
        ("c:Pictures", False, True),
        ("c:Pictures", True, False),
        ("./a:b", False, False),
        ("/tmp/a:b", False, False),
        ("Pictures", False, False),
        ("id:abc", False, True),
        (r"c:\Pictures", True, False),
    ],
)
def test_a_colon_tells_a_remote_from_a_path(text: str, windows: bool, is_remote: bool) -> None:  # noqa: FBT001 - a table's column
    assert end_of(text, windows=windows).is_remote is is_remote


@pytest.mark.skipif(sys.platform == "win32", reason="names there have no colon")
def test_a_local_file_with_a_colon_is_told_how_it_is_written(library, tmp_path: Path, monkeypatch) -> None:
    del library
    monkeypatch.chdir(tmp_path)
    Path("12:30.jpg").touch()
    with pytest.raises(ConfigError, match=r"written \./12:30\.jpg"):
        ends_of("12:30.jpg", "local:Pics")
