from __future__ import annotations

import io
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote_emulator.handlers.content import disposition
from ap_remote_emulator.library.check import check_store


async def _signed(client, node_id, suffix="?download=true"):
    params = {"querySuffix": suffix, "ownerId": client.credentials.owner_id}
    answer = await client.http.get(f"/drive/v1/nodes/{node_id}/contentRedirection", params=params)
    assert answer.status_code == 302
    return answer.headers["location"]


async def test_the_redirect_leads_to_the_bytes_and_a_name(client):
    node = await client.upload('a "ö";=.txt', b"hello")
    url = await _signed(client, node["id"])
    assert "X-Amz-Algorithm=" in url
    answer = await client.stranger.get(url)
    assert answer.content == b"hello"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"a ___;=.txt\"; filename*=UTF-8''a%20%22%C3%B6%22%3B%3D.txt"
    )


@pytest.mark.parametrize("header", ["cookie", "authorization", "x-amz-access-token"])
async def test_the_signed_url_refuses_credentials(client, header):
    node = await client.upload("a.txt", b"hello")
    answer = await client.stranger.get(await _signed(client, node["id"]), headers={header: "x=y"})
    assert answer.status_code == 400
    assert "<Error>" in answer.text


async def test_outside_of_tests_the_signed_url_does_not_look_at_cookies(client):
    node = await client.upload("a.txt", b"hello")
    url = await _signed(client, node["id"])
    client.app.state.strict = False
    assert (await client.stranger.get(url, headers={"cookie": "x=y"})).content == b"hello"
    assert (await client.stranger.get(url, headers={"authorization": "x=y"})).status_code == 400


async def test_the_signed_url_expires(client):
    node = await client.upload("a.txt", b"hello")
    url = await _signed(client, node["id"])
    client.store.clock.advance(901_000)
    answer = await client.stranger.get(url)
    assert answer.status_code == 403
    assert "expired" in answer.text


async def test_a_signed_url_opens_nothing_else(client):
    a, b = await client.upload("a.txt", b"a"), await client.upload("b.txt", b"b")
    url = await _signed(client, a["id"])
    for forged in (
        url.replace(a["id"], b["id"]),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.split("?")[0],
        url.split("?")[0] + "?X-Amz-Signature=%C3%A9&X-Amz-Date=x",
    ):
        assert (await client.stranger.get(forged)).status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=5-", 206, b"56789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-0", 206, b"0"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=10-", 416, None),
        ("bytes=99-100", 416, None),
    ],
)
async def test_ranges(client, asked, status, expected):
    node = await client.upload("a.txt", b"0123456789")
    url = await _signed(client, node["id"])
    for http, target in ((client.stranger, url), (client.http, f"/cdproxy/nodes/{node['id']}")):
        answer = await http.get(target, headers={"range": asked})
        assert answer.status_code == status
        if expected is not None:
            assert answer.content == expected


async def test_head_tells_the_length(client):
    node = await client.upload("a.txt", b"0123456789")
    answer = await client.stranger.head(await _signed(client, node["id"]))
    assert answer.headers["content-length"] == "10"
    assert answer.content == b""


async def test_a_temporary_link_needs_no_cookies_and_dies(client, jpeg):
    node = await client.upload("a.jpg", jpeg(size=(400, 200)))
    link = (await client.get(f"nodes/{node['id']}", tempLink="true"))["tempLink"]
    assert "tempLink" not in await client.get(f"nodes/{node['id']}")
    assert (await client.stranger.get(link)).headers["content-type"] == "image/jpeg"
    small = await client.stranger.get(link + "&viewBox=100,100")
    assert Image.open(io.BytesIO(small.content)).size == (100, 50)
    client.store.clock.advance(3_601_000)
    assert (await client.stranger.get(link)).status_code == 403


async def test_what_has_no_content_has_no_link(client):
    folder = await client.folder("f")
    for path in (f"/drive/v1/nodes/{folder}/contentRedirection", f"/cdproxy/nodes/{folder}", "/cdproxy/nodes/nothing"):
        assert (await client.http.get(path)).status_code == 404


async def test_a_missing_blob_is_a_clear_500(client):
    node = await client.upload("a.txt", b"hello")
    [sha] = client.store.blobs.every()
    client.store.blobs.remove(sha)
    body = await client.call("GET", f"/cdproxy/nodes/{node['id']}", 500)
    assert body["code"] == "CONTENT_MISSING"
    assert check_store(client.store) == [f"content of node {node['id']} is missing or unreadable"]


async def test_damage_is_found_by_the_check(client):
    node = await client.upload("a.txt", b"hello")
    [sha] = client.store.blobs.every()
    client.store.blobs.path(sha).write_bytes(b"jello")
    stray = client.store.blobs.path("0" * 64)
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert check_store(client.store) == [
        f"content of node {node['id']} is damaged",
        f"blob {'0' * 64} belongs to no node",
    ]


async def _thumbnail(client, node_id, view_box, status=200):
    answer = await client.http.get(f"/v1/thumbnail/{node_id}", params={"viewBox": view_box})
    assert answer.status_code == status
    return Image.open(io.BytesIO(answer.content)) if status == 200 else answer.json()


async def test_a_thumbnail_fits_its_box_upright_and_without_exif(client, jpeg):
    content = jpeg(size=(400, 200), orientation=6, make="Apple", position=(48.8584, 2.2945))
    node = await client.upload("a.jpg", content)
    image = node["contentProperties"]["image"]
    assert (image["width"], image["height"], image["orientation"]) == (400, 200, "6")
    picture = await _thumbnail(client, node["id"], "100")
    assert (picture.format, picture.size) == ("JPEG", (50, 100))
    assert not picture.getexif()
    assert (await _thumbnail(client, node["id"], "30,100")).size == (30, 60)
    assert (await _thumbnail(client, node["id"], "10000")).size == (200, 400)
    again = await client.stranger.get(await _signed(client, node["id"], "?viewBox=100"))
    assert Image.open(io.BytesIO(again.content)).size == (50, 100)
    kept = [path.name.split("-")[1] for path in (client.store.data / "thumbnails").rglob("*.jpg")]
    assert sorted(kept) == ["10000x10000.jpg", "100x100.jpg", "30x100.jpg"]


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16", "CMYK", "F"])
async def test_every_kind_of_picture_has_a_thumbnail(client, mode):
    out = io.BytesIO()
    kind = {"CMYK": "TIFF", "F": "TIFF"}.get(mode, "PNG")
    image = Image.new(mode, (60, 30)) if mode == "I;16" else Image.new("RGBA", (60, 30), (9, 200, 7, 128)).convert(mode)
    image.save(out, kind)
    node = await client.upload(f"a.{kind.lower()}", out.getvalue())
    assert (await _thumbnail(client, node["id"], "20")).size == (20, 10)


@pytest.mark.parametrize("content", [b"not a picture", b"", b"\xff\xd8\xff\xe0" + b"\0" * 100])
async def test_a_corrupt_photograph_uploads_and_has_no_thumbnail(client, content):
    node = await client.upload("a.jpg", content)
    assert node["contentProperties"]["contentType"] == "image/jpeg"
    assert "image" not in node["contentProperties"]
    body = await _thumbnail(client, node["id"], "100", 404)
    assert set(body) == {"logref", "message", "code"}
    assert await client.content(node["id"]) == content


async def test_a_truncated_photograph_uploads_and_has_no_thumbnail(client):
    out = io.BytesIO()
    Image.effect_noise((900, 700), 80).save(out, "JPEG")
    content = out.getvalue()[: len(out.getvalue()) // 2]
    node = await client.upload("a.jpg", content)
    assert node["contentProperties"]["image"]["width"] == 900
    await _thumbnail(client, node["id"], "100", 404)


async def test_a_picture_bomb_is_refused(client):
    header = b"P6\n"  # not even a format that is opened
    node = await client.upload("bomb.ppm", header + b"99999999 99999999\n255\n")
    await _thumbnail(client, node["id"], "100", 404)
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    node = await client.upload("bomb.png", out.getvalue())
    await _thumbnail(client, node["id"], "100", 404)


@pytest.mark.parametrize("box", ["0", "x", "1,2,3", "-5", "", "99999999", "\u0661"])
async def test_a_senseless_box_is_400(client, jpeg, box):
    node = await client.upload("a.jpg", jpeg())
    await _thumbnail(client, node["id"], box, 400)


async def test_folders_and_texts_have_no_thumbnails(client):
    await _thumbnail(client, await client.folder("f"), "100", 404)
    await _thumbnail(client, (await client.upload("a.txt", b"a"))["id"], "100", 404)
    await _thumbnail(client, "nothing", "100", 404)


def test_a_disposition_holds_no_line_break():
    assert "\n" not in disposition("a\r\nset-cookie: x=y", attachment=True)


async def test_a_range_is_given_only_of_the_version_that_was_meant(client):
    node = await client.upload("a.txt", b"0123456789")
    url = await _signed(client, node["id"])
    etag = (await client.stranger.get(url)).headers["etag"]
    fresh = await client.stranger.get(url, headers={"range": "bytes=2-", "if-range": etag})
    assert (fresh.status_code, fresh.content) == (206, b"23456789")
    assert fresh.headers["content-range"] == "bytes 2-9/10"
    await client.call("PUT", f"/v2/upload/{node['id']}", content=b"abcdefghij")
    stale = await client.stranger.get(url, headers={"range": "bytes=2-", "if-range": etag})
    assert (stale.status_code, stale.content) == (200, b"abcdefghij")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2", "bytes=x", "bytes=", "bytes=-", "bytes=\u00b2-"]
)
async def test_what_is_not_one_range_gets_the_whole(client, asked):
    node = await client.upload("a.txt", b"0123456789")
    for http, target in (
        (client.stranger, await _signed(client, node["id"])),
        (client.http, f"/cdproxy/nodes/{node['id']}"),
    ):
        answer = await http.get(target, headers={"range": asked.encode("latin-1")})
        assert (answer.status_code, answer.content) == (200, b"0123456789")


async def test_past_the_end_tells_how_long_the_file_is(client):
    for content in (b"0123456789", b""):
        node = await client.upload(f"{len(content)}.txt", content)
        answer = await client.stranger.get(await _signed(client, node["id"]), headers={"range": "bytes=10-"})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(content)}")


async def test_head_tells_of_a_range_without_its_bytes(client):
    node = await client.upload("a.txt", b"0123456789")
    answer = await client.stranger.head(await _signed(client, node["id"]), headers={"range": "bytes=2-4"})
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (206, "3", b"")


async def test_another_owner_has_no_such_node(client, jpeg):
    node = await client.upload("a.jpg", jpeg())
    stranger = {"ownerId": "A000000000000"}
    for path in (f"/v1/thumbnail/{node['id']}", f"/drive/v1/nodes/{node['id']}/contentRedirection"):
        assert (await client.http.get(path, params=stranger)).status_code == 404
        for query in ({}, {"ownerId": node["ownerId"]}):
            assert (await client.http.get(path, params=query)).status_code in (200, 302)


async def test_a_cache_buster_changes_nothing(client, jpeg):
    node = await client.upload("a.jpg", jpeg())
    answers = [
        await client.http.get(f"/v1/thumbnail/{node['id']}", params={"viewBox": "20", **query})
        for query in ({}, {"cb": "1234"})
    ]
    assert answers[0].content == answers[1].content
    assert len(list((client.store.data / "thumbnails").rglob("*.jpg"))) == 1


async def test_a_thumbnail_without_a_box_has_a_middling_size(client, jpeg):
    node = await client.upload("a.jpg", jpeg(size=(1000, 500)))
    answer = await client.http.get(f"/v1/thumbnail/{node['id']}")
    assert Image.open(io.BytesIO(answer.content)).size == (400, 200)


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=256))
def test_any_name_can_be_read_back_from_its_disposition(name):
    encodable = name.encode("utf-8", "replace").decode()
    header = disposition(encodable, attachment=True)
    header.encode("ascii")
    assert unquote(header.rpartition("UTF-8''")[2]) == encodable
    plain = header.partition('filename="')[2].partition('"; filename*')[0]
    assert not set(plain) & set('"\\\r\n')


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 14), stop=st.none() | st.integers(0, 14), suffix=st.booleans())
async def test_every_range_is_the_slice_that_it_names(client, start, stop, suffix):
    content = b"0123456789"
    found = await client.get("nodes", filters="name:range.txt")
    node = found["data"][0] if found["data"] else await client.upload("range.txt", content)
    asked = f"bytes=-{start}" if suffix else f"bytes={start}-{'' if stop is None else stop}"
    answer = await client.http.get(f"/cdproxy/nodes/{node['id']}", headers={"range": asked})
    if suffix:
        expected = (206, content[-start:]) if start else (416, b"")
    elif stop is not None and stop < start:
        expected = (200, content)
    elif start >= len(content):
        expected = (416, b"")
    else:
        expected = (206, content[start : None if stop is None else stop + 1])
    assert (answer.status_code, answer.content) == expected
