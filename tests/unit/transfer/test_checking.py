"""Whether two sides hold the same files: disks, accounts, and sides that fail."""

from __future__ import annotations

import os
from hashlib import md5
from typing import TYPE_CHECKING

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, IncompleteListingError, NotFoundError, UnsupportedError
from ap_remote.transfer.account import Account
from ap_remote.transfer.checking import CheckReport, check, check_sums
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import Filters, parse_rules
from ap_remote.transfer.sides import Item, Listing, Unread

if TYPE_CHECKING:
    from pathlib import Path


class Fake:
    """A side that says what it is told to."""

    is_local = True
    label = "fake"

    def __init__(self, files: dict[str, str | Exception | None], *, unread: tuple[Unread, ...] = ()) -> None:
        self.files = files
        self.unread = unread
        self.asked: list[str] = []

    async def listing(self, filters, *, junk=False, films=False, progress=None) -> Listing:
        items = tuple(Item(path=path, size=4) for path in self.files)
        return Listing(items=items, unread=self.unread)

    async def digest(self, item: Item, *, again: bool = False) -> str | None:
        self.asked.append(item.path)
        found = self.files[item.path]
        if isinstance(found, Exception):
            raise found
        return found


class Stranger(MemoryRemote):
    """An account whose bytes are not what it says they are."""

    async def get(self, target, *, span=None):
        async for piece in super().get(target, span=span):
            yield piece[:-1] + b"X"


async def filled(remote: MemoryRemote, **files: bytes) -> Account:
    for name, content in files.items():
        await remote.put(content, f"trip/{name.replace('__', '/').replace('_', '.')}")
    return Account(remote, "trip", label="memory:trip")


def written(folder: Path, **files: bytes) -> Disk:
    for name, content in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return Disk(folder)


def signs(report: CheckReport) -> list[str]:
    return [f"{row.sign} {row.path}" for row in report.rows]


async def test_each_kind_of_finding_has_rclones_sign(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same", sub__b_jpg=b"here", c_jpg=b"longer", d_jpg=b"only here")
    account = await filled(MemoryRemote(), a_jpg=b"same", sub__b_jpg=b"now!", c_jpg=b"long", e_jpg=b"only there")
    report = await check(disk, account)
    assert signs(report) == ["= a.jpg", "* c.jpg", "+ d.jpg", "- e.jpg", "* sub/b.jpg"]
    assert not report.is_same
    assert (report.differences, report.count("*"), report.select("+")[0].size) == (4, 2, 9)
    assert report.select("*")[0].reason == f"6 bytes in {tmp_path}, 4 in memory:trip"


async def test_either_side_may_be_the_source(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same", d_jpg=b"only here")
    report = await check(await filled(MemoryRemote(), a_jpg=b"same"), disk)
    assert signs(report) == ["= a.jpg", "- d.jpg"]


async def test_one_way_does_not_mind_what_the_source_lacks(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same")
    report = await check(disk, await filled(MemoryRemote(), a_jpg=b"same", b_jpg=b"more"), one_way=True)
    assert signs(report) == ["= a.jpg"]
    assert report.is_same


async def test_two_accounts_are_compared_by_what_they_say_of_themselves() -> None:
    one = await filled(MemoryRemote("one"), a_jpg=b"same", b_jpg=b"1")
    report = await check(one, await filled(Stranger("two"), a_jpg=b"same", b_jpg=b"2"))
    assert signs(report) == ["= a.jpg", "* b.jpg"]


async def test_no_bytes_are_fetched_unless_it_is_asked_for(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same")
    account = await filled(Stranger(), a_jpg=b"same")
    assert (await check(disk, account)).is_same
    assert signs(await check(disk, account, download=True)) == ["* a.jpg"]


async def test_bytes_are_compared_across_pieces_of_any_size(tmp_path) -> None:
    content = os.urandom(3 << 20)
    disk = written(tmp_path, a_jpg=content, b_jpg=content[:-1] + b"?", empty_jpg=b"")
    account = await filled(MemoryRemote(), a_jpg=content, b_jpg=content[:-1] + b"!", empty_jpg=b"")
    told: list[tuple[int, int | None]] = []
    report = await check(disk, account, download=True, progress=lambda done, of: told.append((done, of)))
    assert signs(report) == ["= a.jpg", "* b.jpg", "= empty.jpg"]
    assert told[-1] == (3, 3)


async def test_sizes_alone_are_compared_on_request(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"here", b_jpg=b"here too")
    report = await check(disk, await filled(MemoryRemote(), a_jpg=b"now!", b_jpg=b"now"), size_only=True)
    assert signs(report) == ["= a.jpg", "* b.jpg"]


async def test_what_only_agrees_in_size_is_counted(tmp_path) -> None:
    report = await check(Fake({"a": None, "b": "1"}), Fake({"a": "1", "b": "1"}))
    assert signs(report) == ["= a", "= b"]
    assert report.unverified == 1


async def test_a_file_that_cannot_be_read_is_an_error_and_the_others_are_checked(tmp_path) -> None:
    report = await check(Fake({"a": PermissionError(13, "denied"), "b": "1"}), Fake({"a": "1", "b": "1"}))
    assert signs(report) == ["! a", "= b"]
    assert "denied" in report.rows[0].reason


async def test_an_expired_login_ends_the_check() -> None:
    class Expired(MemoryRemote):
        async def get(self, target, *, span=None):
            raise AuthenticationError("expired")
            yield b""

    account = await filled(Expired(), a_jpg=b"same")
    with pytest.raises(AuthenticationError):
        await check(account, await filled(MemoryRemote("two"), a_jpg=b"same"), download=True)


async def test_only_what_agrees_in_size_is_read(tmp_path) -> None:
    fake = Fake({"a": "1", "b": "1", "c": "1"})
    await check(fake, await filled(MemoryRemote(), a=b"four", b=b"other size"))
    assert fake.asked == ["a"]


async def test_an_incomplete_listing_is_an_error_not_a_finding() -> None:
    fake = Fake({}, unread=tuple(Unread(path=f"dir{number}", reason="denied") for number in range(5)))
    with pytest.raises(IncompleteListingError, match="dir0: denied; dir1: denied; dir2: denied; and 2 more"):
        await check(fake, Fake({}))
    with pytest.raises(IncompleteListingError):
        await check_sums({"a": "1"}, fake)


async def test_a_root_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(NotFoundError):
        await check(Disk(tmp_path / "nowhere"), await filled(MemoryRemote(), a=b"1"))


async def test_a_side_without_bytes_cannot_be_downloaded_from() -> None:
    with pytest.raises(UnsupportedError):
        await check(Fake({"a": "1"}), Fake({"a": "1"}), download=True)


async def test_names_that_are_one_to_an_account_are_one(tmp_path) -> None:
    disk = written(tmp_path, IMG_JPG=b"same")
    (tmp_path / "e\u0301te\u0301.jpg").write_bytes(b"summer")
    account = await filled(MemoryRemote(), img_jpg=b"same")
    await account.remote.put(b"summer", "trip/\u00e9t\u00e9.jpg")
    report = await check(disk, account)
    assert report.is_same
    assert len(report.rows) == 2


async def test_filters_hold_at_both_sides(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same", b_png=b"here")
    account = await filled(MemoryRemote(), a_jpg=b"same", c_png=b"there")
    assert signs(await check(disk, account, filters=Filters(rules=parse_rules(include=["*.jpg"])))) == ["= a.jpg"]


async def test_the_films_of_live_photos_are_looked_at_on_request(tmp_path) -> None:
    remote = MemoryRemote()
    account = await filled(remote, a_heic=b"still")
    remote.seed_film("trip/a.heic", "a.mov", b"film")
    disk = written(tmp_path, a_heic=b"still")
    assert signs(await check(account, disk)) == ["= a.heic"]
    assert signs(await check(account, disk, films=True)) == ["= a.heic", "+ a.mov"]
    (tmp_path / "a.mov").write_bytes(b"film")
    assert signs(await check(account, disk, films=True, download=True)) == ["= a.heic", "= a.mov"]


async def test_an_account_is_checked_against_a_file_of_checksums() -> None:
    account = await filled(MemoryRemote(), a_jpg=b"same", b_jpg=b"now", d_jpg=b"more")
    sums = {"A.jpg": digest(b"same"), "b.jpg": digest(b"then"), "c.jpg": digest(b"gone")}
    report = await check_sums(sums, account, name="SUMS")
    assert signs(report) == ["= a.jpg", "* b.jpg", "+ c.jpg", "- d.jpg"]
    assert signs(await check_sums(sums, account, one_way=True)) == ["= a.jpg", "* b.jpg", "+ c.jpg"]
    assert (report.source, report.rows[3].reason) == ("SUMS", "not in SUMS")


async def test_a_disk_is_checked_against_a_file_of_checksums(tmp_path) -> None:
    disk = written(tmp_path, a_jpg=b"same", sub__b_jpg=b"now")
    report = await check_sums({"a.jpg": digest(b"same"), "sub/b.jpg": digest(b"then")}, disk)
    assert signs(report) == ["= a.jpg", "* sub/b.jpg"]


async def test_with_download_checksums_are_compared_with_the_bytes() -> None:
    account = await filled(Stranger(), a_jpg=b"same")
    sums = {"a.jpg": digest(b"same")}
    assert (await check_sums(sums, account)).is_same
    assert signs(await check_sums(sums, account, download=True)) == ["* a.jpg"]


async def test_filters_leave_out_checksums_too() -> None:
    account = await filled(MemoryRemote(), a_jpg=b"same", b_png=b"large enough")
    sums = {"a.jpg": digest(b"same"), "b.png": digest(b"large enough"), "c.png": digest(b"gone")}
    rules = Filters(rules=parse_rules(exclude=["*.png"]))
    assert signs(await check_sums(sums, account, filters=rules)) == ["= a.jpg"]
    large = await check_sums(sums, account, filters=Filters(min_size=5))
    assert signs(large) == ["= b.png", "+ c.png"]


async def test_a_side_that_knows_no_md5_is_no_proof() -> None:
    assert signs(await check_sums({"a": "1"}, Fake({"a": None}))) == ["! a"]


def digest(content: bytes) -> str:
    return md5(content).hexdigest()


async def test_bytes_that_lie_under_another_path_of_the_account_count_on_request(tmp_path):
    remote = MemoryRemote()
    there = await filled(remote, a_jpg=b"aaaa")
    await remote.put(b"bbbb", "elsewhere/b.jpg")
    here = written(tmp_path, a_jpg=b"aaaa", b_jpg=b"bbbb", c_jpg=b"cccc")
    assert {row.path: row.sign for row in (await check(here, there)).rows} == {"a.jpg": "=", "b.jpg": "+", "c.jpg": "+"}
    report = await check(here, there, elsewhere=True)
    assert report.held == 1
    found = {row.path: row for row in report.rows}
    assert {path: row.sign for path, row in found.items()} == {"a.jpg": "=", "b.jpg": "=", "c.jpg": "+"}
    assert found["b.jpg"].reason == "held at 'elsewhere/b.jpg'"
