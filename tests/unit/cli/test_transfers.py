"""copy, move, sync, put and get as a person types them, and what comes after."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ap_remote.cli import runs

pytest_plugins = ["tests.unit.cli.memory"]

ALL = ["Pics/one.txt", "Pics/trip/three.txt", "Pics/two.txt"]


@pytest.fixture
def ap(typed):
    return typed


def rows(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def only_run(ap) -> dict:
    (found,) = rows(ap("transfer", "list", "--json").stdout)
    return found


# -- copy, move, sync --------------------------------------------------------------------------------------------------


def test_a_copy_brings_the_content_and_a_second_one_brings_nothing(ap, library, photos: Path) -> None:
    told = ap("copy", photos, "local:Pics").stdout
    assert told.startswith("3 copied, 2 folders made (15 B in ")
    assert told.rstrip().endswith("0 skipped, 0 failed")
    assert sorted(library.paths()) == ALL
    again = ap("copy", photos, "local:Pics").stdout
    assert again.startswith("0 copied")
    assert "3 skipped: already there, byte for byte" in again


def test_a_file_is_copied_into_a_folder_either_way(ap, library, photos: Path, tmp_path: Path) -> None:
    ap("copy", photos / "one.txt", "local:Pics")
    assert library.paths() == ["Pics/one.txt"]
    ap("copy", "local:Pics/one.txt", tmp_path / "back")
    assert [each.name for each in (tmp_path / "back").iterdir()] == ["one.txt"]


def test_a_copy_within_an_account_goes_from_folder_to_folder(ap, library) -> None:
    library.fill(A__x=b"x")
    ap("copy", "local:A", "local:B", "--keep-duplicates")
    assert library.paths() == ["A/x", "B/x"]


def test_a_move_leaves_nothing_behind_but_what_can_be_had_back(ap, library, photos: Path) -> None:
    ap("move", photos, "local:Pics")
    assert sorted(library.paths()) == ALL
    assert not [each for each in photos.rglob("*.txt") if ".ap-trash" not in each.parts]
    assert len([*(photos / ".ap-trash").rglob("*.txt")]) == 3


def test_a_sync_makes_both_alike_and_trashes_what_is_too_many(ap, library, photos: Path) -> None:
    library.fill(Pics__gone=b"gone", Elsewhere__x=b"x")
    told = ap("sync", photos, "local:Pics").stdout
    assert "3 copied, 1 put into the trash" in told
    assert sorted(library.paths("Pics")) == ALL
    assert library.trashed() == ["Pics/gone"]
    assert library.paths("Elsewhere") == ["Elsewhere/x"]


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, ["Pics/gone"]), ("y\n", 0, ALL)])
@pytest.mark.usefixtures("somebody")
def test_a_sync_asks_before_anything_is_removed(ap, library, photos: Path, *, answer, code, left) -> None:
    library.fill(Pics__gone=b"gone")
    told = ap("sync", photos, "local:Pics", stdin=answer, code=code).output
    assert "3 to copy, 1 to the trash, 2 folders to make (15 B)" in told
    assert "- gone" in told
    assert "Go on?" in told
    assert sorted(library.paths("Pics")) == left


@pytest.mark.usefixtures("somebody")
def test_a_sync_does_not_ask_with_yes_nor_when_it_only_adds(ap, library, photos: Path) -> None:
    assert "Go on?" not in ap("sync", photos, "local:Pics").output
    library.fill(Pics__gone=b"gone")
    assert "Go on?" not in ap("sync", photos, "local:Pics", "--yes").output
    assert library.trashed() == ["Pics/gone"]


@pytest.mark.usefixtures("somebody")
def test_interactive_asks_for_each_file_and_makes_only_their_folders(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics", "-i", stdin="y\nn\nn\n")
    assert library.paths() == ["Pics/one.txt"]
    ap("copy", photos, "local:Pics", "-i", stdin="a\n")
    assert sorted(library.paths()) == ALL


@pytest.mark.usefixtures("somebody")
def test_a_move_of_which_a_file_is_declined_leaves_it_where_it_is(ap, library, photos: Path) -> None:
    ap("move", photos, "local:Pics", "-i", stdin="y\nd\n")
    assert library.paths() == ["Pics/one.txt"]
    assert (photos / "two.txt").exists()
    assert (photos / "trip" / "three.txt").exists()
    assert not (photos / "one.txt").exists()


@pytest.mark.usefixtures("somebody")
def test_quitting_while_choosing_changes_nothing(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics", "-i", stdin="y\nq\n", code=1)
    assert library.paths() == []


# -- put and get -------------------------------------------------------------------------------------------------------


def test_put_takes_folders_as_cp_does_and_files_together(ap, library, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("other")
    ap("put", photos / "trip", photos / "one.txt", photos / "two.txt", tmp_path / "other.txt", "local:Pics")
    assert sorted(library.paths()) == ["Pics/one.txt", "Pics/other.txt", "Pics/trip/three.txt", "Pics/two.txt"]
    ap("put", f"{photos}/trip/", "local:Flat", "--keep-duplicates")
    assert library.paths("Flat") == ["Flat/three.txt"]


def test_put_refuses_to_replace_unless_told_to(ap, library, photos: Path) -> None:
    library.fill(**{"Pics__photos__one.txt": b"other"})
    told = ap("put", photos, "local:Pics", code=1)
    assert "--overwrite" in told.stderr
    assert "resume" not in told.stderr
    assert "2 uploaded" in told.stdout
    assert library.read("Pics/photos/one.txt") == b"other"
    ap("put", photos, "local:Pics", "--overwrite")
    assert library.read("Pics/photos/one.txt") == b"one"
    assert library.trashed() == ["Pics/photos/one.txt"]


def test_put_into_a_folder_named_by_its_id(ap, library, photos: Path) -> None:
    library.fill(Pics__x=b"x")
    node = asyncio.run(library.remote.stat("Pics")).id
    ap("put", photos / "trip", f"local:id:{node}")
    assert library.paths() == ["Pics/trip/three.txt", "Pics/x"]


def test_get_brings_a_folder_by_its_name_and_the_root_by_its_content(ap, library, tmp_path: Path) -> None:
    library.fill(Pics__a=b"a")
    assert "1 downloaded" in ap("get", "local:Pics", tmp_path / "one").stdout
    ap("get", "local:", tmp_path / "two")
    assert (tmp_path / "one" / "Pics" / "a").read_bytes() == b"a"
    assert (tmp_path / "two" / "Pics" / "a").read_bytes() == b"a"
    (tmp_path / "one" / "Pics" / "a").write_bytes(b"mine")
    assert "--overwrite" in ap("get", "local:Pics", tmp_path / "one", code=1).stderr
    ap("get", "local:Pics", tmp_path / "one", "--overwrite")
    assert (tmp_path / "one" / "Pics" / "a").read_bytes() == b"a"


# -- options -----------------------------------------------------------------------------------------------------------


def test_filters_and_limits_reach_the_engine(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics", "--include", "t*.txt")
    assert library.paths() == ["Pics/trip/three.txt", "Pics/two.txt"]
    told = ap("copy", photos, "local:More", "--keep-duplicates", "--max-transfer", "4b", "--order-by", "size", code=8)
    assert "the limit of 4 bytes" in told.stderr
    assert library.paths("More") == ["More/one.txt"]


def test_nothing_transferred_is_an_error_only_on_request(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics", "--error-on-no-transfer")
    ap("copy", photos, "local:Pics", "--error-on-no-transfer", code=9)
    assert sorted(library.paths()) == ALL


def test_what_is_replaced_goes_to_the_backup_folder(ap, library, photos: Path) -> None:
    library.fill(**{"Pics__one.txt": b"old"})
    ap("copy", photos, "local:Pics", "--backup-dir", "local:Old")
    assert library.read("Old/one.txt") == b"old"
    assert library.trashed() == []


def test_empty_folders_are_made_unless_they_are_not_wanted(ap, library, photos: Path) -> None:
    assert "/ trip/empty/" in ap("copy", photos, "local:Pics", "-n").stdout
    assert "/ trip/empty/" in ap("copy", photos, "local:Pics", "-n", "--create-empty-src-dirs").stdout
    assert "empty" not in ap("copy", photos, "local:Pics", "-n", "--no-empty-folders").stdout


def test_progress_is_told_on_stderr_and_json_has_stdout_for_itself(ap, photos: Path) -> None:
    told = ap("copy", photos, "local:Pics", "--progress", "--json")
    assert [row["deed"] for row in rows(told.stdout)].count("copied") == 3
    assert "3/3 files, 15 B of 15 B (100 %)" in told.stderr
    assert "files" not in ap("copy", photos, "local:Pics").stderr


def test_a_report_has_every_file(ap, photos: Path, tmp_path: Path) -> None:
    ap("copy", photos, "local:Pics", "--report", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["command"], report["exit_code"], report["bytes"], report["deeds"]["copied"]) == ("copy", 0, 15, 3)
    assert {row["target"] for row in report["files"] if row["deed"] == "copied"} == set(ALL)
    assert report["plan"] == only_run(ap)["id"]


# -- plans and runs that are kept --------------------------------------------------------------------------------------


def test_a_dry_run_prints_each_step_and_changes_nothing(ap, library, photos: Path, tmp_path: Path) -> None:
    library.fill(**{"Pics__one.txt": b"old", "Pics__gone": b"gone"})
    told = ap("sync", photos, "local:Pics", "--dry-run").stdout.splitlines()
    assert "- gone  (the source has no such file)" in told
    assert any(line.startswith("* one.txt  (3 B, ") for line in told)
    assert "+ two.txt  (7 B)" in told
    steps = rows(ap("sync", photos, "local:Pics", "-n", "--json").stdout)
    assert steps[-1]["totals"]["bytes"] == 15
    assert {step["action"] for step in steps[:-1]} == {"mkdir", "copy", "replace", "remove"}
    assert sorted(library.paths()) == ["Pics/gone", "Pics/one.txt"]
    assert not (tmp_path / "home" / "transfers").exists()


def test_a_saved_plan_is_run_later(ap, library, photos: Path, tmp_path: Path) -> None:
    ap("copy", photos, "local:Pics", "--save-plan", tmp_path / "plan.json")
    assert library.paths() == []
    assert "+ two.txt" in ap("transfer", "show", tmp_path / "plan.json").stdout
    assert "3 copied" in ap("transfer", "run", tmp_path / "plan.json").stdout
    assert sorted(library.paths()) == ALL


def test_a_run_is_kept_listed_shown_and_taken_back(ap, library, photos: Path) -> None:
    library.fill(**{"Pics__one.txt": b"old"})
    ap("copy", photos, "local:Pics")
    run = only_run(ap)
    assert (run["state"], run["verb"], run["target"]) == ("finished", "copy", "local:Pics")
    assert "* one.txt" in ap("transfer", "show", run["id"][:6]).stdout
    assert "--yes" in ap("transfer", "undo", code=2).stderr
    told = ap("transfer", "undo", "--yes")
    assert "2 copied" in told.stderr
    assert library.paths() == ["Pics/one.txt"]
    assert library.read("Pics/one.txt") == b"old"
    assert only_run(ap)["state"] == "undone"
    assert "undone" in ap("transfer", "undo", "--yes", code=14).stderr


@pytest.mark.usefixtures("somebody")
def test_an_undo_asks(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics")
    ap("transfer", "undo", stdin="n\n", code=1)
    assert sorted(library.paths()) == ALL
    ap("transfer", "undo", stdin="y\n")
    assert library.paths() == []


def test_an_undo_does_without_the_source(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics")
    photos.rename(photos.with_name("elsewhere"))
    ap("transfer", "undo", "--yes")
    assert library.paths() == []


def test_what_failed_is_done_by_resuming_and_nothing_twice(ap, library, photos: Path, monkeypatch) -> None:
    put, broken = library.remote.put, True
    sent = []

    async def fragile(source, path, **options):
        if broken and path.endswith("three.txt"):
            raise OSError(5, "it fell off the table")
        sent.append(path)
        return await put(source, path, **options)

    monkeypatch.setattr(library.remote, "put", fragile)
    told = ap("copy", photos, "local:Pics", code=1)
    assert "it fell off the table" in told.stderr
    assert f"ap transfer resume {only_run(ap)['id']}" in told.stderr
    assert only_run(ap)["state"] == "unfinished"
    broken = False
    told = ap("transfer", "resume")
    assert "skipped: done by an earlier run of this plan" in told.stdout
    assert f"going on with copy {photos} -> local:Pics" in told.stderr
    assert sorted(sent) == ALL
    assert only_run(ap)["state"] == "finished"
    assert "nothing to go on with" in ap("transfer", "resume", only_run(ap)["id"], code=14).stderr
    assert "no transfer is" in ap("transfer", "resume", code=14).stderr


def test_the_same_command_goes_on_with_an_unfinished_run(ap, library, photos: Path, monkeypatch) -> None:
    put, broken = library.remote.put, True

    async def fragile(source, path, **options):
        if broken:
            raise OSError(5, "it fell off the table")
        return await put(source, path, **options)

    monkeypatch.setattr(library.remote, "put", fragile)
    ap("copy", photos, "local:Pics", code=1)
    broken = False
    ap("copy", photos, "local:Pics")
    assert sorted(library.paths()) == ALL


def test_the_same_transfer_twice_is_two_runs(ap, library, photos: Path) -> None:
    for again in range(2):
        ap("copy", photos, "local:Pics")
        if not again:
            ap("transfer", "undo", "--yes")
    assert [run["state"] for run in rows(ap("transfer", "list", "--json").stdout)] == ["finished", "undone"]
    assert sorted(library.paths()) == ALL


def test_old_runs_are_pruned_and_unfinished_ones_stay(ap, photos: Path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "_KEPT", 2)
    for number in range(4):
        (photos / f"{number}.txt").write_text(str(number) * 9)
        ap("copy", photos, f"local:Pics{number}")
    assert len(rows(ap("transfer", "list", "--json").stdout)) == 2
    assert len([*runs.folder().iterdir()]) == 6


def test_nothing_to_do_keeps_no_run(ap, photos: Path) -> None:
    ap("copy", photos, "local:Pics")
    ap("copy", photos, "local:Pics")
    only_run(ap)
