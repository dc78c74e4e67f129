from __future__ import annotations

import hashlib
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ap_remote.errors import AlreadyExistsError, ConfigError, IsFileError, NotFoundError, UnsupportedError
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import EVERYTHING, Filters
from ap_remote.transfer.sides import Item
from ap_remote.transfer.walking import TRASH, item_of


def fill(root: Path, *files: str) -> Disk:
    for path in files:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.encode())
    return Disk(root)


async def shown(disk: Disk, filters: Filters = EVERYTHING, **wishes) -> list[str]:
    return [item.path + "/" * item.is_folder for item in (await disk.listing(filters, **wishes)).items]


async def reasons(disk: Disk) -> dict[str, str]:
    return {each.path: each.reason for each in (await disk.listing(EVERYTHING)).unread}


async def test_a_listing_is_by_name_and_has_folders_before_what_is_in_them(tmp_path: Path):
    disk = fill(tmp_path, "b/2", "b/10", "a", "b.jpg", "b/c/d", "C")
    assert await shown(disk) == ["C", "a", "b/", "b/10", "b/2", "b/c/", "b/c/d", "b.jpg"]


async def test_an_item_tells_size_time_and_a_stamp_that_changes_with_the_file(tmp_path: Path):
    disk = fill(tmp_path, "a")
    os.utime(tmp_path / "a", (1_000_000_000, 1_000_000_000))
    (item,) = (await disk.listing(EVERYTHING)).items
    assert (item.size, item.modified) == (1, datetime.fromtimestamp(1_000_000_000, UTC))
    os.utime(tmp_path / "a", ns=(1, 1_000_000_000_000_000_001))
    (later,) = (await disk.listing(EVERYTHING)).items
    assert item.stamp != later.stamp


def test_a_date_that_no_calendar_has_is_none():
    facts = os.stat_result((0o100644, 1, 1, 1, 0, 0, 5, 0, 2**45, 0))
    item = item_of("a", facts)
    assert (item.size, item.modified) == (5, None)


async def test_junk_is_left_out_and_counted_unless_it_is_wanted(tmp_path: Path):
    disk = fill(tmp_path, "a", "@eaDir/x", "THUMBS.DB", ".a.jpg.12345678.partial", f"{TRASH}/old/b", "d/.DS_Store")
    found = await disk.listing(EVERYTHING)
    assert [item.path for item in found.items] == ["a", "d"]
    assert found.left_out == 5
    assert set(found.outside) == {"@eaDir", "THUMBS.DB", ".a.jpg.12345678.partial", TRASH, "d/.DS_Store"}
    assert found.is_whole
    assert TRASH not in " ".join(await shown(disk, junk=True))
    assert "@eaDir/x" in await shown(disk, junk=True)


async def test_a_folder_that_cannot_be_read_is_said_and_not_empty(tmp_path: Path, monkeypatch):
    disk = fill(tmp_path, "open/a", "shut/b")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = await disk.listing(EVERYTHING)
    assert not found.is_whole
    assert [(each.path, each.reason) for each in found.unread] == [
        ("shut", "the folder cannot be read: Permission denied")
    ]
    assert "shut" in {item.path for item in found.items}


async def test_a_root_that_is_not_there_is_not_found(tmp_path: Path):
    with pytest.raises(NotFoundError):
        await Disk(tmp_path / "no").listing(EVERYTHING)
    with pytest.raises(NotFoundError):
        await Disk(tmp_path, only=frozenset({"no"})).listing(EVERYTHING)


async def test_a_root_that_is_a_file_is_its_only_item(tmp_path: Path):
    fill(tmp_path, "a.jpg", "b.jpg")
    disk = Disk(tmp_path / "a.jpg")
    assert await shown(disk) == ["a.jpg"]
    assert disk.file("a.jpg") == tmp_path / "a.jpg"
    assert await disk.digest(Item(path="a.jpg")) == hashlib.md5(b"a.jpg", usedforsecurity=False).hexdigest()


async def test_only_what_is_asked_for_is_listed_even_if_it_is_junk(tmp_path: Path):
    fill(tmp_path, "a/b/c", "a/b2", "d/e", "f", "Thumbs.db", "desktop.ini")
    disk = Disk(tmp_path, only=frozenset({"a/b", "f", "Thumbs.db"}))
    assert await shown(disk) == ["Thumbs.db", "a/", "a/b/", "a/b/c", "f"]


async def test_links_to_files_are_followed_and_links_to_folders_are_not_unless_one_is_the_root(tmp_path: Path):
    fill(tmp_path, "real/a", "top/b")
    top = tmp_path / "top"
    (top / "file").symlink_to(tmp_path / "real" / "a")
    (top / "folder").symlink_to(tmp_path / "real")
    (top / "loop").symlink_to(top)
    found = await Disk(top).listing(EVERYTHING)
    assert [item.path for item in found.items] == ["b", "file"]
    assert found.outside == ("folder", "loop")
    (tmp_path / "way").symlink_to(top)
    assert await shown(Disk(tmp_path / "way")) == ["b", "file"]


async def test_a_link_that_leads_nowhere_is_said(tmp_path: Path):
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    told = await reasons(Disk(tmp_path))
    assert told["dangling"] == "a link that leads nowhere"
    assert "round" in told


async def test_pipes_and_sockets_are_left_out(tmp_path: Path):
    disk = fill(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.fspath(tmp_path / "socket"))
        found = await disk.listing(EVERYTHING)
    assert [item.path for item in found.items] == ["a"]
    assert found.left_out == 2
    with pytest.raises(UnsupportedError):
        await Disk(tmp_path / "pipe").listing(EVERYTHING)


async def test_a_name_that_is_not_valid_utf8_is_said(tmp_path: Path):
    disk = fill(tmp_path, "good")
    (tmp_path / os.fsdecode(b"bad\xff")).touch()
    assert await shown(disk) == ["good"]
    assert "not valid UTF-8" in (await reasons(disk))["bad\ufffd"]


async def test_names_that_we_wrote_are_shown_as_the_account_has_them(tmp_path: Path):
    disk = Disk(tmp_path)
    for name in ("a\x01b", "\uff0fx", "\u201b"):
        disk.file(name).write_bytes(b"x")
    assert sorted(os.listdir(tmp_path)) == ["a\u2401b", "\u201b\u201b", "\u201b\uff0fx"]  # noqa: PTH208 - in a test
    assert await shown(disk) == ["a\x01b", "\u201b", "\uff0fx"]


async def test_names_that_a_person_gave_are_found_although_we_would_write_them_otherwise(tmp_path: Path):
    for name in ("a\x01b", "\u201bx", "a\uff0fb", "\uff0e", "\u201b"):
        (tmp_path / name).write_text(name)
    disk = Disk(tmp_path)
    found = (await disk.listing(EVERYTHING)).items
    assert len(found) == 5
    assert sorted(disk.file(item.path).read_text() for item in found) == sorted(
        ["a\x01b", "\u201bx", "a\uff0fb", "\uff0e", "\u201b"]
    )


async def test_two_names_that_stand_for_one_are_said(tmp_path: Path):
    (tmp_path / "a\u2401").write_text("ours")
    (tmp_path / "a\x01").write_text("theirs")
    disk = Disk(tmp_path)
    (item,) = (await disk.listing(EVERYTHING)).items
    assert disk.file(item.path).read_text() == "ours"
    assert "rename one" in (await reasons(disk))["a\x01"]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "..", "a//b", "./."])
def test_no_path_leads_out_of_the_root(tmp_path: Path, path: str):
    assert tmp_path in Disk(tmp_path).file(path).parents


async def test_filters_say_what_is_taken_and_where_is_worth_a_look(tmp_path: Path):
    disk = fill(tmp_path, "a", "long name")
    found = await disk.listing(Filters(min_size=3))
    assert [item.path for item in found.items] == ["long name"]
    assert found.outside == ("a",)


def content(place: str | Path) -> bytes:
    return Path(place).read_bytes()


async def test_what_is_removed_can_be_had_back_and_never_overwrites(tmp_path: Path):
    disk = fill(tmp_path, "d/a", "d/b", "e/f")
    first = Path(await disk.remove(Item(path="d/a")))
    fill(tmp_path, "d/a")
    second = await disk.remove(Item(path="d/a"))
    whole = await disk.remove(Item(path="e", is_folder=True))
    assert str(first) != second
    assert content(first) == content(second) == b"d/a"
    assert content(whole + "/f") == b"e/f"
    assert first.is_relative_to(tmp_path / TRASH)
    assert first.name == "a"
    assert await shown(disk) == ["d/", "d/b"]
    other = Disk(tmp_path)
    third = Path(await other.remove(Item(path="d/b")))
    assert third.parents[1] != first.parents[1]
    with pytest.raises(NotFoundError):
        await disk.remove(Item(path="gone"))


async def test_a_move_makes_the_way_and_overwrites_nothing(tmp_path: Path):
    disk = fill(tmp_path, "a", "b")
    moved = await disk.move(Item(path="a"), "x/y/a2")
    assert (moved.path, moved.size) == ("x/y/a2", 1)
    assert (tmp_path / "x/y/a2").read_bytes() == b"a"
    with pytest.raises(AlreadyExistsError):
        await disk.move(moved, "b")
    with pytest.raises(NotFoundError):
        await disk.move(Item(path="a"), "c")


async def test_folders_are_made_once_and_not_over_files(tmp_path: Path):
    disk = fill(tmp_path, "a")
    await disk.mkdir("b/c")
    await disk.mkdir("b/c")
    for path in ("a", "a/b"):
        with pytest.raises(IsFileError):
            await disk.mkdir(path)


async def test_progress_is_told_while_a_listing_runs(tmp_path: Path):
    disk = fill(tmp_path, *(f"{number}" for number in range(2500)))
    told: list[int] = []
    await disk.listing(EVERYTHING, progress=lambda done, total: told.append(done))
    assert told == [1000, 2000, 2500]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
async def test_among_named_files_one_that_is_not_utf8_is_told_and_the_others_are_taken(tmp_path: Path):
    bad = os.fsdecode(b"bad\xff.jpg")
    fill(tmp_path, "a", "b", "c")
    (tmp_path / bad).touch()
    listing = await Disk(tmp_path, only=frozenset({"a", "b", bad})).listing(EVERYTHING)
    assert [item.path for item in listing.items] == ["a", "b"]
    assert ["UTF-8" in each.reason for each in listing.unread] == [True]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
async def test_a_name_that_was_not_asked_for_is_not_complained_of(tmp_path: Path):
    fill(tmp_path, "a")
    (tmp_path / os.fsdecode(b"bad\xff.jpg")).touch()
    assert (await Disk(tmp_path, only=frozenset({"a"})).listing(EVERYTHING)).is_whole


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_a_root_that_is_not_utf8_is_refused_with_a_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match="UTF-8: rename it"):
        Disk(tmp_path / os.fsdecode(b"bad\xff"))
