"""Promises about many bytes at once: archives, what is known by its digest, parts of a file."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from ap_remote.errors import IsFolderError, NotFoundError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsAlbums, SupportsArchives, SupportsAssets, SupportsDigests
from tests.contracts.base import Subject, able, content


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class Archives(Subject):
    async def unzipped(self, remote, *targets) -> list[bytes]:
        data = await content(able(remote, SupportsArchives).archive(*targets))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sorted(archive.read(name) for name in archive.namelist() if not name.endswith("/"))

    async def test_an_archive_holds_files_folders_and_albums_each_file_once(self, remote, seed):
        one = await seed("box/1.txt", b"1")
        await seed("box/deep/2.txt", b"2")
        await seed("box/other/3.txt", b"3")
        album = await able(remote, SupportsAlbums).create_album("best", members=["box/other/3.txt", NodeId(one)])
        assert await self.unzipped(remote, "box/deep", NodeId(one), NodeId(album.id)) == [b"1", b"2", b"3"]

    async def test_two_files_of_one_name_are_both_in_an_archive(self, remote, seed):
        await seed("box/a/1.txt", b"1")
        await seed("box/b/1.txt", b"2")
        assert await self.unzipped(remote, "box/a/1.txt", "box/b/1.txt") == [b"1", b"2"]

    async def test_of_nothing_no_archive_is_made(self, remote, seed):
        await seed("box/1.txt", b"1")
        await remote.trash("box/1.txt")
        with pytest.raises(UnsupportedError):
            await self.unzipped(remote, "box")
        with pytest.raises(NotFoundError):
            await self.unzipped(remote, "box/nothing.txt")


class Digests(Subject):
    async def test_what_is_held_is_known_by_its_digest(self, remote, seed):
        node_id = await seed("box/deep/1.txt", b"known 1")
        found = await able(remote, SupportsDigests).known([md5(b"known 1"), md5(b"unknown")])
        assert {digest: (entry.path, entry.id) for digest, entry in found.items()} == {
            md5(b"known 1"): ("box/deep/1.txt", node_id)
        }

    async def test_what_is_in_the_bin_is_not_known(self, remote, seed):
        await seed("box/1.txt", b"known 2")
        await remote.trash("box/1.txt")
        assert await able(remote, SupportsDigests).known([md5(b"known 2")]) == {}

    async def test_nothing_asked_is_nothing_known(self, remote):
        assert await able(remote, SupportsDigests).known([]) == {}


class Assets(Subject):
    async def test_a_file_without_parts_has_none_and_a_folder_is_refused(self, remote, seed):
        await seed("box/1.txt", b"1")
        assert list(await able(remote, SupportsAssets).assets("box/1.txt")) == []
        with pytest.raises(IsFolderError):
            await able(remote, SupportsAssets).assets("box")
        with pytest.raises(NotFoundError):
            await able(remote, SupportsAssets).assets("box/nothing.txt")
