"""The contract of ``put``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    InvalidNameError,
    IsFileError,
    IsFolderError,
    NotFoundError,
)
from tests.contracts.base import Subject, content, names
from tests.contracts.pictures import SPRING_2023, jpeg
from tests.contracts.reading import IMPOSSIBLE_PATHS, ODD_NAMES


class Writing(Subject):
    async def test_put_stores_bytes_and_returns_their_entry(self, remote, peek):
        entry = await remote.put(b"hello", "box/a.txt")
        assert (entry.path, entry.name, entry.size) == ("box/a.txt", "a.txt", 5)
        assert entry.md5 == hashlib.md5(b"hello").hexdigest()
        assert await peek("box/a.txt") == b"hello"
        assert (await remote.stat("box/a.txt")).id == entry.id

    async def test_put_takes_a_local_file(self, remote, peek, tmp_path):
        source = tmp_path / "source.bin"
        source.write_bytes(b"\0\xff" * 100_000)
        entry = await remote.put(source, "box/copy.bin")
        assert entry.size == 200_000
        assert await peek("box/copy.bin") == source.read_bytes()

    async def test_put_of_no_bytes_makes_an_empty_file(self, remote, peek):
        entry = await remote.put(b"", "box/empty.txt")
        assert (entry.size, entry.md5) == (0, hashlib.md5(b"").hexdigest())
        assert await peek("box/empty.txt") == b""

    async def test_put_makes_the_folders_above(self, remote, peek):
        await remote.put(b"a", "box/one/two/three/a.txt")
        assert await peek("box/one/two/three/a.txt") == b"a"
        assert await names(remote.list("box/one/two")) == ["three"]

    async def test_put_uses_folders_without_regard_to_case(self, remote):
        await remote.put(b"a", "box/Inner/a.txt")
        await remote.put(b"b", "BOX/inner/b.txt")
        assert await names(remote.list("box")) == ["Inner"]
        assert await names(remote.list("box/Inner")) == ["a.txt", "b.txt"]

    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_an_odd_name_survives_the_way_there_and_back(self, remote, peek, name):
        entry = await remote.put(name.encode(), f"box/{name}")
        assert entry.name == name
        assert await peek(f"box/{name}") == name.encode()
        assert await content(remote.get(f"box/{name}")) == name.encode()

    @pytest.mark.parametrize("name", ["a.txt", "A.TXT", "a.TXT"])
    async def test_a_taken_name_is_refused_without_regard_to_case(self, remote, seed, peek, name):
        await seed("box/a.txt", b"old")
        with pytest.raises(AlreadyExistsError):
            await remote.put(b"new", f"box/{name}")
        assert await peek("box/a.txt") == b"old"
        assert await names(remote.list("box")) == ["a.txt"]

    async def test_names_with_accents_collide_without_regard_to_case(self, remote, seed):
        await seed("box/Été.txt", b"old")
        with pytest.raises(AlreadyExistsError):
            await remote.put(b"new", "box/ÉTÉ.txt")

    async def test_overwriting_keeps_the_id_and_raises_the_version(self, remote, seed, peek):
        node_id = await seed("box/a.txt", b"old")
        before = await remote.stat("box/a.txt")
        after = await remote.put(b"newer", "box/a.txt", if_exists="overwrite")
        assert after.id == node_id
        assert after.version > before.version
        assert (after.size, after.md5) == (5, hashlib.md5(b"newer").hexdigest())
        assert await peek("box/a.txt") == b"newer"
        assert await content(remote.get("box/a.txt")) == b"newer"

    async def test_overwriting_finds_the_name_without_regard_to_case(self, remote, seed):
        node_id = await seed("box/a.txt", b"old")
        assert (await remote.put(b"new", "box/A.TXT", if_exists="overwrite")).id == node_id
        assert len(await names(remote.list("box"))) == 1

    async def test_overwriting_nothing_makes_the_file(self, remote, peek):
        await remote.put(b"a", "box/a.txt", if_exists="overwrite")
        assert await peek("box/a.txt") == b"a"

    async def test_known_bytes_are_stored_again_unless_that_is_refused(self, remote, seed, peek):
        first = await seed("box/a.txt", b"the same")
        assert (await remote.put(b"the same", "box/b.txt")).id != first
        assert await peek("box/b.txt") == b"the same"

    async def test_known_bytes_are_refused_when_asked_for_and_nothing_appears(self, remote, seed, peek):
        first = await seed("box/a.txt", b"the same")
        with pytest.raises(DuplicateContentError) as caught:
            await remote.put(b"the same", "box/b.txt", duplicates="refuse")
        assert caught.value.node_id == first
        assert await peek("box/b.txt") is None
        with pytest.raises(NotFoundError):
            await remote.stat("box/b.txt")

    async def test_new_bytes_are_stored_where_known_ones_are_refused(self, remote, seed, peek):
        await seed("box/a.txt", b"old")
        await remote.put(b"new", "box/b.txt", duplicates="refuse")
        assert await peek("box/b.txt") == b"new"

    @pytest.mark.parametrize("path", ["box/a.txt/b.txt", "box/a.txt/inner/b.txt"])
    async def test_a_file_cannot_be_a_parent(self, remote, seed, peek, path):
        await seed("box/a.txt", b"a")
        with pytest.raises(IsFileError):
            await remote.put(b"b", path)
        assert await peek("box/a.txt") == b"a"

    @pytest.mark.parametrize("if_exists", ["fail", "overwrite"])
    async def test_a_folder_is_never_replaced_by_a_file(self, remote, seed, peek, if_exists):
        await seed("box/inner/a.txt", b"a")
        with pytest.raises(IsFolderError):
            await remote.put(b"b", "box/inner", if_exists=if_exists)
        assert await peek("box/inner/a.txt") == b"a"

    @pytest.mark.parametrize("path", ["", "/"])
    async def test_the_root_is_no_place_for_a_file(self, remote, path):
        with pytest.raises(IsFolderError):
            await remote.put(b"a", path)

    @pytest.mark.parametrize("path", IMPOSSIBLE_PATHS)
    async def test_a_path_that_cannot_be_one_is_refused(self, remote, path):
        with pytest.raises(InvalidNameError):
            await remote.put(b"a", path)

    async def test_a_photograph_is_known_as_one(self, remote):
        await remote.put(jpeg(taken=SPRING_2023), "box/spring.jpg")
        entry = await remote.stat("box/spring.jpg", fresh=True)
        assert entry.is_photo
        assert not entry.is_video
        assert entry.taken == SPRING_2023

    async def test_a_capture_time_is_recorded_where_the_file_has_none(self, remote):
        moment = datetime(2011, 2, 3, 4, 5, 6, tzinfo=UTC)
        await remote.put(jpeg(), "box/undated.jpg", taken=moment)
        assert (await remote.stat("box/undated.jpg", fresh=True)).taken == moment

    async def test_the_file_knows_its_capture_time_best(self, remote):
        await remote.put(jpeg(taken=SPRING_2023), "box/a.jpg", taken=datetime(2011, 2, 3, tzinfo=UTC))
        assert (await remote.stat("box/a.jpg", fresh=True)).taken == SPRING_2023
