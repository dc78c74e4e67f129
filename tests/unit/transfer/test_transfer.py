from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import (
    AuthenticationError,
    IncompleteListingError,
    NewerStoreError,
    NotFoundError,
    UnavailableError,
)
from ap_remote.transfer import download, fetching, plan_upload, simple, upload
from ap_remote.transfer.pool import Patience

ODD = [
    "a b.txt",
    "it's.txt",
    'q"uote.txt',
    "[1]{2}.txt",
    "é 日本 🎉.txt",
    "100%#?.txt",
    ".hidden",
    "semi;colon&.txt",
    "dot.",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "holiday"
    (top / "deep" / "er").mkdir(parents=True)
    (top / "@eaDir").mkdir()
    (top / "@eaDir" / "junk.jpg").write_bytes(b"junk")
    (top / "Thumbs.db").write_bytes(b"junk")
    for number, name in enumerate(ODD):
        (top / "deep" / name).write_bytes(f"content {number}".encode())
    (top / "deep" / "er" / "empty").write_bytes(b"")
    return top


async def paths(remote: MemoryRemote, folder: str = "") -> list[str]:
    return [each.path async for each in remote.list(folder, recursive=True) if not each.is_folder]


async def test_a_folder_arrives_under_its_name_without_junk(tree: Path) -> None:
    remote = MemoryRemote()
    report = await upload(remote, plan_upload([tree], "Pictures"))
    assert not report.select("failed")
    expected = {f"Pictures/holiday/deep/{name}" for name in ODD} | {"Pictures/holiday/deep/er/empty"}
    assert set(await paths(remote, "Pictures")) == expected


async def test_a_slash_behind_a_folder_puts_its_content(tree: Path) -> None:
    remote = MemoryRemote()
    await upload(remote, plan_upload([f"{tree}/"], "Pictures"))
    assert "Pictures/deep/er/empty" in await paths(remote, "Pictures")


async def test_uploading_again_skips_everything(tree: Path) -> None:
    remote = MemoryRemote()
    plan = plan_upload([tree], "Pictures")
    await upload(remote, plan)
    again = await upload(remote, plan)
    assert len(again.select("skipped")) == len(plan)


async def test_the_same_bytes_elsewhere_are_skipped_unless_kept(tmp_path: Path) -> None:
    remote = MemoryRemote()
    await remote.put(b"same", "Documents/first.txt")
    (tmp_path / "second.txt").write_bytes(b"same")
    plan = plan_upload([tmp_path / "second.txt"], "Pictures")
    assert [row.result for row in (await upload(remote, plan)).rows] == ["skipped"]
    assert [row.result for row in (await upload(remote, plan, duplicates="keep")).rows] == ["done"]


async def test_a_taken_name_with_other_content_fails_unless_overwritten(tmp_path: Path) -> None:
    remote = MemoryRemote()
    await remote.put(b"old", "Pictures/a.txt")
    (tmp_path / "a.txt").write_bytes(b"new")
    plan = plan_upload([tmp_path / "a.txt"], "Pictures")
    refused = await upload(remote, plan)
    assert [row.result for row in refused.rows] == ["failed"]
    assert "other content" in refused.rows[0].reason
    assert [row.result for row in (await upload(remote, plan, if_exists="overwrite")).rows] == ["done"]
    assert b"".join([piece async for piece in remote.get("Pictures/a.txt")]) == b"new"


async def test_names_that_a_disk_cannot_hold_come_back_as_they_were(tmp_path: Path) -> None:
    remote = MemoryRemote()
    names = {"nul\u2400.txt", "quote\u201b.txt", "plain.txt"}
    for number, name in enumerate(sorted(names)):
        await remote.put(f"{number}".encode(), f"top/{name}")
    await download(remote, "top", tmp_path)
    sent = plan_upload([tmp_path / "top"], "again")
    assert {each.path for each in sent} == {f"again/top/{name}" for name in names}
    assert all(each.source.is_file() for each in sent)


def test_a_folder_that_was_not_seen_as_a_whole_is_not_sent(tree: Path) -> None:
    (tree / "deep" / "lost.jpg").symlink_to(tree / "nowhere")
    with pytest.raises(IncompleteListingError, match=r"deep/lost\.jpg: a link that leads nowhere"):
        plan_upload([tree], "")


def test_a_source_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        plan_upload([tmp_path / "nowhere"], "")


async def test_an_expired_login_ends_the_run_with_its_own_error(tree: Path) -> None:
    class Expired(MemoryRemote):
        async def put(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            raise AuthenticationError("the session has expired")

    with pytest.raises(AuthenticationError):
        await upload(Expired(), plan_upload([tree], ""))


async def test_one_failure_leaves_the_other_files_alone(tree: Path) -> None:
    class Flaky(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            if path.endswith("a b.txt"):
                raise UnavailableError("down for a moment")
            return await super().put(source, path, **kwargs)

    report = await upload(Flaky(), plan_upload([tree], ""))
    assert [row.target for row in report.select("failed")] == ["holiday/deep/a b.txt"]
    assert len(report.select("done")) == len(ODD)


async def test_a_tree_comes_back_byte_for_byte(tree: Path, tmp_path: Path) -> None:
    remote = MemoryRemote()
    await upload(remote, plan_upload([tree], ""))
    report = await download(remote, "holiday", tmp_path / "back")
    assert not report.select("failed")
    for name in ODD:
        assert (tmp_path / "back" / "holiday" / "deep" / name).read_bytes() == (tree / "deep" / name).read_bytes()
    assert (tmp_path / "back" / "holiday" / "deep" / "er" / "empty").read_bytes() == b""
    again = await download(remote, "holiday", tmp_path / "back")
    assert len(again.select("skipped")) == len(again.rows)


async def test_a_local_file_of_other_content_is_kept(tmp_path: Path) -> None:
    remote = MemoryRemote()
    await remote.put(b"remote", "a.txt")
    (tmp_path / "a.txt").write_bytes(b"mine")
    report = await download(remote, "a.txt", tmp_path)
    assert [row.result for row in report.rows] == ["failed"]
    assert (tmp_path / "a.txt").read_bytes() == b"mine"
    await download(remote, "a.txt", tmp_path, overwrite=True)
    assert (tmp_path / "a.txt").read_bytes() == b"remote"


async def test_a_download_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    class Breaking(MemoryRemote):
        async def get(self, target, *, span=None):  # type: ignore[override]
            if not (await self.stat(target)).path.endswith("b.txt"):
                yield b"half"
                raise UnavailableError("connection lost")
            yield b"whole"

    remote = Breaking()
    await remote.put(b"half and half", "top/a.txt")
    await remote.put(b"whole", "top/b.txt")
    report = await download(remote, "top", tmp_path)
    assert [row.result for row in report.rows] == ["failed", "done"]
    assert os.listdir(tmp_path / "top") == ["b.txt"]  # noqa: PTH208 - the folder's own word, hidden files too


async def test_a_download_bears_the_photographs_date(tmp_path: Path) -> None:
    remote = MemoryRemote()
    taken = datetime(2019, 5, 4, 3, 2, 1, tzinfo=UTC)
    await remote.put(b"x", "a.txt", taken=taken)
    await download(remote, "a.txt", tmp_path)
    assert os.stat(tmp_path / "a.txt").st_mtime == taken.timestamp()  # noqa: PTH116 - what is tested is the file's own date


async def test_an_empty_folder_arrives_too(tmp_path: Path) -> None:
    remote = MemoryRemote()
    await remote.mkdir("top/empty")
    await download(remote, "top", tmp_path)
    assert (tmp_path / "top" / "empty").is_dir()


async def test_rows_keep_md5_true(tree: Path) -> None:
    remote = MemoryRemote()
    await upload(remote, plan_upload([tree], ""))
    entry = await remote.stat("holiday/deep/a b.txt")
    assert entry.md5 == hashlib.md5((tree / "deep" / "a b.txt").read_bytes()).hexdigest()


@pytest.mark.parametrize("verb", ["put", "get"])
async def test_a_local_store_that_cannot_be_used_ends_the_run(tree: Path, tmp_path: Path, verb: str) -> None:
    class Refusing(MemoryRemote):
        refusing = False

        async def put(self, *args, **kwargs):  # type: ignore[override]
            if self.refusing:
                raise NewerStoreError("the node cache", 99, 1)
            return await super().put(*args, **kwargs)

        async def get(self, target, *, span=None):  # type: ignore[override]
            raise NewerStoreError("the node cache", 99, 1)
            yield b""

    remote = Refusing()
    await upload(remote, plan_upload([tree], ""))
    remote.refusing = True
    verbs = {
        "put": lambda: upload(remote, plan_upload([tree], "new")),
        "get": lambda: download(remote, "holiday", tmp_path / "back"),
    }
    with pytest.raises(NewerStoreError):
        await verbs[verb]()


async def test_a_download_that_cannot_be_written_closes_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    class Watched(MemoryRemote):
        async def get(self, target, *, span=None):  # type: ignore[override]
            try:
                yield b"first"
                yield b"second"
            finally:
                closed.append(target)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    remote = Watched()
    await remote.put(b"firstsecond", "a.txt")
    monkeypatch.setattr(fetching, "BLOCK", 1)
    monkeypatch.setattr(fetching.Partial, "write", full)
    with pytest.raises(OSError, match="No space"):
        await download(remote, "a.txt", tmp_path)
    assert len(closed) == 1
    assert _inside(tmp_path) == []


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_service_that_stays_away_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    waited: list[float] = []

    class Gone(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            asked.append(path)
            raise UnavailableError("the service cannot be reached")

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for number in range(50):
        (tmp_path / f"{number}.txt").write_bytes(b"x")
    monkeypatch.setattr(simple, "Patience", lambda: Patience(sleep=sleep))
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await upload(Gone(), plan_upload([f"{tmp_path}/"], ""), transfers=1)
    assert set(asked) == {"0.txt"}
    assert 60 < sum(waited) < 120
