from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ap_remote_emulator.library.check import check_store


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("film") / "film.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), 250, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


async def _asset(client, content, file_id, status=201, *, name="IMG_1.MOV", **query):
    params = {"name": name, "kind": "ASSET", "assetType": "LIVE_VIDEO", "parentNodeId": file_id, **query}
    return await client.call("POST", "/v2/upload", status, params=params, content=content)


@pytest.fixture
async def live(client, jpeg, film):
    """A live photo, as the ids of its still and its film."""
    still = await client.upload("IMG_1.JPG", jpeg())
    return still["id"], (await _asset(client, film, still["id"]))["id"]


async def test_the_film_hangs_below_the_still(client, live):
    still, film = live
    node = await client.get(f"nodes/{film}")
    assert (node["kind"], node["name"], node["status"]) == ("ASSET", "IMG_1.MOV", "AVAILABLE")
    assert node["parents"] == [still]
    assert node["parentMap"] == {"FILE": [still]}
    assert node["assetProperties"] == {"assetType": "LIVE_VIDEO"}
    assert node["contentProperties"]["contentType"] == "video/quicktime"
    assert node["contentProperties"]["video"]["width"] == 64
    assert [each["id"] for each in (await client.get(f"nodes/{still}/children"))["data"]] == [film]
    assert check_store(client.store) == []


async def test_the_still_says_that_it_lives_and_shows_its_film(client, live):
    still, film = live
    for query in ({}, {"asset": "ALL"}):
        node = await client.get(f"nodes/{still}", **query)
        assert node["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
        assert node["assets"] == [await client.get(f"nodes/{film}")]
    bare = await client.get(f"nodes/{still}", asset="NONE")
    assert "assets" not in bare
    assert bare["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
    assert bare["version"] == 2
    found = await client.get("search", asset="ALL")
    assert found["data"][0]["assets"][0]["id"] == film
    other = await client.upload("plain.txt", b"x")
    assert other["childAssetTypeInfo"] == []
    assert "assets" not in other


async def test_temporary_links_reach_the_film_too(client, live, film):
    node = await client.get(f"nodes/{live[0]}", tempLink="true")
    assert (await client.stranger.get(node["assets"][0]["tempLink"])).content == film


async def test_folders_search_and_the_count_of_photographs_know_only_the_still(client, live, film):
    still = await client.get(f"nodes/{live[0]}")
    assert await client.names(f"nodes/{still['parents'][0]}/children") == ["IMG_1.JPG"]
    for filters in ("", "type:(PHOTOS OR VIDEOS)", "name:IMG_1.MOV"):
        assert live[1] not in [each["id"] for each in (await client.get("search", filters=filters))["data"]]
    usage = await client.get("account/usage")
    assert usage["photo"]["total"]["count"] == 1
    assert usage["video"]["total"]["count"] == 0
    total = sum(usage[each]["total"]["bytes"] for each in ("photo", "video", "doc", "other"))
    assert total == still["contentProperties"]["size"] + len(film)


async def test_the_film_plays_and_has_a_still_of_its_own(client, live, film):
    assert await client.content(live[1]) == film
    answer = await client.http.get(f"/v1/thumbnail/{live[1]}", params={"viewBox": "16"})
    assert Image.open(io.BytesIO(answer.content)).size == (16, 8)


async def test_a_live_photo_goes_into_the_trash_and_comes_back_whole(client, live):
    still, film = live
    await client.trash(still)
    node = await client.get(f"nodes/{film}")
    assert (node["status"], node["recursivelyTrashed"]) == ("TRASH", True)
    assert [each["id"] for each in (await client.get(f"nodes/{still}"))["assets"]] == [film]
    assert (await client.get(f"nodes/{still}/children"))["data"] == []
    await client.restore(still)
    assert (await client.get(f"nodes/{film}"))["status"] == "AVAILABLE"
    assert (await client.get(f"nodes/{still}"))["assets"][0]["id"] == film
    assert check_store(client.store) == []


@pytest.mark.parametrize("recurse", ["true", "false"])
@pytest.mark.parametrize("trashed", [True, False])
async def test_a_live_photo_is_purged_whole(client, live, recurse, trashed):
    if trashed:
        await client.trash(live[0])
    answer = await client.post("bulk/nodes/purge", nodeIds=[live[0]], recurse=recurse)
    assert answer == {"errorMap": {}}
    for node_id in live:
        await client.get(f"nodes/{node_id}", 404)
    assert client.store.blobs.every() == []
    assert check_store(client.store) == []


async def test_a_film_that_goes_alone_takes_the_life_out_of_the_photo(client, live):
    still, film = live
    await client.trash(film)
    node = await client.get(f"nodes/{still}")
    assert (node["status"], node["childAssetTypeInfo"]) == ("AVAILABLE", [])
    assert "assets" not in node
    await client.restore(film)
    assert (await client.get(f"nodes/{still}"))["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
    await client.post("bulk/nodes/purge", nodeIds=[film])
    assert (await client.get(f"nodes/{still}"))["childAssetTypeInfo"] == []
    assert check_store(client.store) == []


async def test_restoring_the_film_alone_brings_its_photo_back(client, live):
    still, film = live
    await client.trash(still)
    await client.restore(film)
    node = await client.get(f"nodes/{still}")
    assert (node["status"], node["assets"][0]["id"]) == ("AVAILABLE", film)
    assert check_store(client.store) == []


async def test_a_photo_has_one_film(client, live):
    body = await _asset(client, b"other", live[0], 409, name="again.MOV")
    assert body["errorDetails"] == {"conflictNodeIds": [live[1]]}
    await client.trash(live[1])
    other = await _asset(client, b"other", live[0], name="again.MOV")
    assert (await client.get(f"nodes/{live[0]}"))["assets"][0]["id"] == other["id"]


async def test_a_film_needs_a_file_to_live_in(client, jpeg, film):
    still = (await client.upload("a.jpg", jpeg()))["id"]
    await _asset(client, film, await client.folder("f"), 400)
    await _asset(client, film, "nothing", 404)
    await _asset(client, film, "", 400)
    await _asset(client, film, still, 400, assetType="POSTER")
    await _asset(client, film, still, 400, assetType="")
    await _asset(client, film, still, 400, kind="FILE")
    await client.trash(still)
    await _asset(client, film, still, 400)
    assert await client.names(filters="kind:ASSET") == []
    assert len(client.store.blobs.every()) == 1


async def test_films_of_equal_names_may_stand_in_different_photos(client, live, jpeg):
    other = await client.upload("b.jpg", jpeg(seed=7))
    node = await _asset(client, b"another film", other["id"])
    assert node["name"] == "IMG_1.MOV"
    assert check_store(client.store) == []


async def test_a_form_makes_a_film_as_well(client, jpeg):
    still = (await client.upload("a.jpg", jpeg()))["id"]
    asset = {"assetProperties": {"assetType": "LIVE_VIDEO"}}
    metadata = json.dumps({"name": "a.mov", "kind": "ASSET", "parents": [still], **asset})
    files = {"metadata": (None, metadata), "content": ("x", b"film", "video/quicktime")}
    node = await client.call("POST", "/cdproxy/nodes", 201, files=files)
    assert (node["kind"], node["parents"]) == ("ASSET", [still])


async def test_deltas_tell_of_the_film_and_of_the_photo_that_got_it(client, live):
    answer = await client.http.post("/drive/v1/changes", json={})
    assert all(node_id in answer.text for node_id in live)
    assert '"assetProperties":{"assetType":"LIVE_VIDEO"}' in answer.text
