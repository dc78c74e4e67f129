from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.library import archives


async def _link(client, *ids, status=201):
    return await client.post("batchLink", status, nodeIds=list(ids))


async def _zip(client, url):
    answer = await client.stranger.get(url)
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


async def _file(client, name, content, parent=""):
    return (await client.upload(name, content, parent=parent))["id"]


async def test_a_link_leads_to_a_zip_of_the_originals(client, jpeg):
    photo = jpeg(taken="2024:02:28 17:04:05")
    a, b = await _file(client, "a.jpg", photo), await _file(client, "b.txt", b"text")
    answer = await _link(client, f"{client.credentials.owner_id}:{a}", b)
    assert set(answer) == {"links", "expires", "status"}
    assert answer["status"] == "AVAILABLE"
    assert answer["expires"] == pytest.approx(client.store.clock.now() + 3_600_000, abs=60_000)
    url = answer["links"]["content"]
    assert "X-Amz-Algorithm=" in url
    found = await _zip(client, url)
    assert found.testzip() is None
    assert {info.filename: found.read(info) for info in found.infolist()} == {"a.jpg": photo, "b.txt": b"text"}
    assert found.getinfo("a.jpg").date_time == (2024, 2, 28, 17, 4, 4)  # a zip counts every second second
    assert {info.compress_type for info in found.infolist()} == {zipfile.ZIP_STORED}


async def test_a_zip_has_no_length_and_head_neither(client):
    url = (await _link(client, await _file(client, "a.txt", b"a")))["links"]["content"]
    for method in ("GET", "HEAD"):
        answer = await client.stranger.request(method, url)
        assert answer.status_code == 200
        assert "content-length" not in answer.headers
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"] == 'attachment; filename="Amazon Photos.zip"'
    assert (await client.stranger.head(url)).content == b""


async def test_a_preflight_is_answered(client):
    url = (await _link(client, await _file(client, "a.txt", b"a")))["links"]["content"]
    answer = await client.stranger.options(url)
    assert answer.status_code == 200
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_link_refuses_a_second_credential(client):
    url = (await _link(client, await _file(client, "a.txt", b"a")))["links"]["content"]
    answer = await client.http.get(url)
    assert (answer.status_code, "Only one auth mechanism" in answer.text) == (400, True)
    for name in ("authorization", "x-amz-access-token", "x-amzn-sessionid", "cookie"):
        assert (await client.stranger.get(url, headers={name: "x"})).status_code == 400


async def test_a_link_ends_and_cannot_be_changed(client):
    url = (await _link(client, await _file(client, "a.txt", b"a")))["links"]["content"]
    assert (await client.stranger.get(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"))).status_code == 403
    client.store.clock.advance(3_600_001)
    answer = await client.stranger.get(url)
    assert (answer.status_code, "AccessDenied" in answer.text) == (403, True)


async def test_a_link_to_what_was_forgotten_is_404(client):
    url = (await _link(client, await _file(client, "a.txt", b"a")))["links"]["content"]
    await client.http.post("/_internal/reset")
    assert (await client.stranger.get(url)).status_code == 404


async def test_names_are_made_unique_whatever_their_case(client):
    one, two = await client.folder("one"), await client.folder("two")
    ids = [await _file(client, "é.txt", b"1", one), await _file(client, "É.TXT", b"2", two)]
    ids.append(await _file(client, "é (1).txt", b"3", two))
    found = await _zip(client, (await _link(client, *ids))["links"]["content"])
    assert found.namelist() == ["é.txt", "É (1).TXT", "é (1) (1).txt"]
    assert [found.read(name) for name in found.namelist()] == [b"1", b"2", b"3"]


async def test_folders_and_albums_bring_what_is_in_them(client):
    folder = await client.folder("trip")
    inner = await client.folder("day", folder)
    a, b = await _file(client, "a.txt", b"a", folder), await _file(client, "b.txt", b"b", inner)
    trashed = await _file(client, "gone.txt", b"gone", folder)
    await client.trash(trashed)
    album = await client.album("best")
    await client.patch(f"nodes/{album}/children", op="add", value=[a, b])
    found = await _zip(client, (await _link(client, folder, album))["links"]["content"])
    assert sorted(found.namelist()) == ["best/a.txt", "best/b.txt", "trip/a.txt", "trip/day/b.txt"]


async def test_a_live_photo_brings_all_its_parts(client, jpeg):
    still = await _file(client, "live.jpg", jpeg())
    query = {"name": "live.mov", "kind": "ASSET", "assetType": "LIVE_VIDEO", "parentNodeId": still}
    await client.call("POST", "/v2/upload", 201, params=query, content=b"film")
    found = await _zip(client, (await _link(client, still))["links"]["content"])
    assert found.namelist() == ["live.jpg", "live.mov"]
    assert found.read("live.mov") == b"film"


async def test_what_disappears_is_left_out(client):
    a, b = await _file(client, "a.txt", b"a"), await _file(client, "b.txt", b"b")
    url = (await _link(client, a, b))["links"]["content"]
    await client.post("bulk/nodes/purge", nodeIds=[a])
    assert (await _zip(client, url)).namelist() == ["b.txt"]
    await client.post("bulk/nodes/purge", nodeIds=[b])
    assert (await _zip(client, url)).namelist() == []


async def test_a_damaged_file_is_left_out(client):
    a, b = await _file(client, "a.txt", b"aa"), await _file(client, "b.txt", b"b")
    damaged = next(
        path for path in (client.store.data / "blobs").rglob("*") if path.is_file() and len(path.read_bytes()) == 2
    )
    damaged.chmod(0o600)
    damaged.write_bytes(b"a")
    assert (await _zip(client, (await _link(client, a, b))["links"]["content"])).namelist() == ["b.txt"]


@pytest.mark.parametrize("name", ["..", ".", "a\\b", "..\\x", "new\nline", "\U0001f984 ü.txt"])
async def test_no_name_leaves_the_folder_it_is_unpacked_to(client, name, tmp_path):
    folder = await client.folder("f")
    await _file(client, name, b"x", folder)
    found = await _zip(client, (await _link(client, folder))["links"]["content"])
    (member,) = found.namelist()
    assert member.startswith("f/")
    assert ".." not in member.split("/")
    assert "\\" not in member
    found.extractall(tmp_path / "out")
    assert [path.read_bytes() for path in (tmp_path / "out" / "f").iterdir()] == [b"x"]


async def test_a_link_to_nothing_or_too_much_is_refused(client):
    a = await _file(client, "a.txt", b"a")
    await _link(client, a, "AAAAAAAAAAAAAAAAAAAAAA", status=404)
    await _link(client, status=400)
    await client.post("batchLink", 400, nodeIds=a)
    await client.post("batchLink", 400, nodeIds=[5])
    body = await _link(client, *[f"id{number}" for number in range(1201)], status=400)
    assert body["message"].endswith("Member must have length less than or equal to 1200")
    await _link(client, *([a] * 1200))


async def test_twice_named_is_once_in_the_zip(client):
    a = await _file(client, "a.txt", b"a")
    url = (await _link(client, a, f"{client.credentials.owner_id}:{a}"))["links"]["content"]
    assert (await _zip(client, url)).namelist() == ["a.txt"]


def test_a_zip_is_made_piece_by_piece(client):
    with client.store.blobs.receive() as upload:
        upload.write(b"x" * (1 << 20))
        upload.finish()
        upload.place(client.store.blobs)
        sha = upload.sha
    with client.store.write() as write:
        from ap_remote_emulator.library.nodes import insert, root_id

        node = insert(write, kind="FILE", name="big.bin", parents=[root_id(write)])
        write.execute(
            "UPDATE nodes SET sha = ?, size = ?, md5 = 'm', content_version = 1, content_type = 'x', content_date = 0"
            " WHERE id = ?",
            (sha, 1 << 20, node),
        )
    pieces = list(archives.stream(client.store, [node]))
    assert max(map(len, pieces)) < 300_000
    found = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert found.getinfo("big.bin").file_size == 1 << 20
    assert found.getinfo("big.bin").date_time == (1980, 1, 1, 0, 0, 0)


def test_a_member_larger_than_four_gibibytes_is_zip64(client, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    with client.store.blobs.receive() as upload:
        upload.write(b"y" * 100)
        upload.finish()
        upload.place(client.store.blobs)
        sha = upload.sha
    with client.store.write() as write:
        from ap_remote_emulator.library.nodes import insert, root_id

        node = insert(write, kind="FILE", name="big.bin", parents=[root_id(write)])
        write.execute(
            "UPDATE nodes SET sha = ?, size = 100, md5 = 'm', content_version = 1, content_type = 'x', content_date = 0"
            " WHERE id = ?",
            (sha, node),
        )
    whole = b"".join(archives.stream(client.store, [node]))
    monkeypatch.undo()
    found = zipfile.ZipFile(io.BytesIO(whole))
    assert found.getinfo("big.bin").extract_version == zipfile.ZIP64_VERSION
    assert found.read("big.bin") == b"y" * 100


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=6), max_size=12))
def test_any_names_become_distinct_members(names):
    taken: set[str] = set()
    made = [archives._free(taken, archives._safe(name)) for name in names]
    assert len({name.casefold() for name in made}) == len(made)
    assert not any("/" in name or "\\" in name or not name.strip(".") for name in made)
