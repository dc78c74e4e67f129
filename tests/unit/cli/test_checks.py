"""check and dedupe, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest_plugins = ["tests.unit.cli.memory"]


@pytest.fixture
def ap(typed):
    return typed


@pytest.fixture
def unlike(library, photos: Path) -> Path:
    """Of five files one is the same, one different, two here alone and one there alone."""
    library.fill(**{"Pics__one.txt": b"one", "Pics__two.txt": b"owt two", "Pics__far.txt": b"far"})
    (photos / "near.txt").write_text("near")
    return photos


def test_what_differs_is_listed_counted_and_exits_with_1(ap, unlike: Path) -> None:
    told = ap("check", unlike, "local:Pics", code=1).stdout.splitlines()
    assert [line.split("  ")[0] for line in told[:4]] == ["- far.txt", "+ near.txt", "+ trip/three.txt", "* two.txt"]
    assert told[4:] == [
        "local:Pics: 2 files missing",
        f"{unlike}: 1 files missing",
        "local:Pics: 4 differences found",
        "local:Pics: 1 matching files",
    ]


def test_what_is_the_same_exits_with_0(ap, photos: Path) -> None:
    ap("copy", photos, "local:Pics")
    assert ap("check", photos, "local:Pics").stdout.splitlines() == [
        "local:Pics: 0 differences found",
        "local:Pics: 3 matching files",
    ]
    assert "3 matching" in ap("check", photos, "local:Pics", "--download").stdout


def test_one_way_does_not_mind_what_the_source_lacks(ap, library, photos: Path) -> None:
    ap("copy", photos, "local:Pics")
    library.fill(Pics__more=b"more")
    ap("check", photos, "local:Pics", "--one-way")
    ap("check", photos, "local:Pics", code=1)


def test_size_only_and_filters_compare_less(ap, unlike: Path) -> None:
    ap("check", unlike, "local:Pics", "--size-only", "--include", "two.txt")
    ap("check", unlike, "local:Pics", "--include", "one.txt")
    ap("check", unlike, "local:Pics", "--include", "two.txt", code=1)


def test_lists_are_written_by_sign(ap, unlike: Path, tmp_path: Path) -> None:
    names = ("combined", "match", "differ", "missing-on-src", "missing-on-dst", "error")
    words = [word for name in names for word in (f"--{name}", str(tmp_path / name))]
    ap("check", unlike, "local:Pics", *words, code=1)
    found = {name: (tmp_path / name).read_text().splitlines() for name in names}
    assert found == {
        "combined": ["- far.txt", "+ near.txt", "= one.txt", "+ trip/three.txt", "* two.txt"],
        "match": ["one.txt"],
        "differ": ["two.txt"],
        "missing-on-src": ["far.txt"],
        "missing-on-dst": ["near.txt", "trip/three.txt"],
        "error": [],
    }


def test_a_list_on_stdout_has_it_for_itself(ap, unlike: Path) -> None:
    told = ap("check", unlike, "local:Pics", "--missing-on-dst", "-", code=1)
    assert told.stdout == "near.txt\ntrip/three.txt\n"
    assert "4 differences found" in told.stderr
    rows = [json.loads(line) for line in ap("check", unlike, "local:Pics", "--json", code=1).stdout.splitlines()]
    assert {row["path"]: row["sign"] for row in rows}["two.txt"] == "*"


def test_checksums_of_a_file_stand_for_the_source(ap, library, tmp_path: Path) -> None:
    library.fill(**{"Pics__one.txt": b"one", "Pics__two.txt": b"two"})
    sums = tmp_path / "SUMS"
    sums.write_text("f97c5d29941bfb1b2fdab0874906ab82  one.txt\n00000000000000000000000000000000  two.txt\n")
    told = ap("check", "--checkfile", "md5", sums, "local:Pics", "--combined", "-", code=1).stdout
    assert told == "= one.txt\n* two.txt\n"
    assert "md5" in ap("check", "-C", "sha1", sums, "local:Pics", code=2).stderr


def test_a_list_that_cannot_be_written_is_said_first(ap, unlike: Path) -> None:
    assert "its folder is not there" in ap("check", unlike, "local:Pics", "--match", "/no/where", code=2).stderr


@pytest.fixture
def twins(library):
    library.fill(A__x=b"same bytes", B__y=b"same bytes", B__z=b"others")
    return library


def test_dedupe_lists_and_changes_nothing_by_itself(ap, twins) -> None:
    told = ap("dedupe", "local:").stdout
    assert "B/y  (the same bytes as 'A/x')" in told
    assert "1 files whose bytes are there already: 10 B would be saved" in told
    (row,) = [json.loads(line) for line in ap("dedupe", "local:", "--json").stdout.splitlines()]
    assert (row["path"], row["size"]) == ("B/y", 10)
    assert twins.paths() == ["A/x", "B/y", "B/z"]


def test_dedupe_trashes_after_a_yes_only_and_can_be_taken_back(ap, twins) -> None:
    assert "--yes" in ap("dedupe", "local:", "--dedupe-mode", "first", code=2).stderr
    assert "- B/y" in ap("dedupe", "local:", "--dedupe-mode", "first", "--dry-run").stdout
    assert twins.paths() == ["A/x", "B/y", "B/z"]
    told = ap("dedupe", "local:", "--dedupe-mode", "first", "--yes")
    assert "10 B saved" in told.stderr
    assert "1 put into the trash" in told.stdout
    assert (twins.paths(), twins.trashed()) == (["A/x", "B/z"], ["B/y"])
    ap("transfer", "undo", "--yes")
    assert twins.paths() == ["A/x", "B/y", "B/z"]


@pytest.mark.parametrize(("answer", "code", "trashed"), [("n\n", 1, []), ("y\n", 0, ["B/y"])])
@pytest.mark.usefixtures("somebody")
def test_dedupe_asks(ap, twins, answer: str, code: int, trashed: list[str]) -> None:
    ap("dedupe", "local:", "--dedupe-mode", "first", "--by-hash", stdin=answer, code=code)
    assert twins.trashed() == trashed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dedupe", "local:", "--dedupe-mode", "best"), "known are list, skip, newest"),
        (("dedupe", "local:", "--dedupe-mode", "rename"), "rename"),
        (("dedupe", "Pictures"), "local:Pictures"),
    ],
)
def test_a_wrong_dedupe_is_refused(ap, twins, words, told) -> None:
    assert told in ap(*words, code=2).stderr
    assert twins.trashed() == []
