"""What a model sees: small JPEGs with nothing else in them."""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO

import pytest
from PIL import Image

from ap_remote.model import NodeId
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.results.pictures import PictureError, sheet, shrink

BOUNDS = {"max_bytes": 1_000_000, "max_pixels": 2_000_000}


def opened(block):
    assert block.mime_type == "image/jpeg"
    return Image.open(BytesIO(b64decode(block.data)))


async def test_pictures_come_with_their_names_and_without_a_structured_half(open_client, library):
    ids = [library.ids["cat.jpg"], library.ids["beach.jpg"]]
    async with open_client(library.remote) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool("photos_view", {"ids": ids, "max_px": 256})
    assert tools["photos_view"].output_schema is None
    assert result.structured_content is None
    assert [block.type for block in result.content] == ["text", "image", "text", "image"]
    assert json.loads(result.content[0].text)["name"] == "cat.jpg"
    picture = opened(result.content[1])
    assert picture.size == (256, 192)
    assert picture.getpixel((9, 9))[0] > 200, "it is the orange one"


async def test_metadata_does_not_reach_the_model(open_client, library, make_jpeg, monkeypatch):
    """Even where the service's own rendition kept the original's metadata."""
    ids = [library.ids["cat.jpg"]]

    async def careless(target, *, size):
        return make_jpeg("green", secret="CANARY at 49.28, -123.12")

    monkeypatch.setattr(library.remote, "thumbnail", careless)
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_view", {"ids": ids})
        grid = await client.call_tool("photos_contact_sheet", {"ids": ids})
    for block in (result.content[1], grid.content[0]):
        assert b"CANARY" not in b64decode(block.data)
        assert not opened(block).getexif()


async def test_a_contact_sheet_is_a_numbered_grid_with_a_legend(open_client, library):
    names = ["cat.jpg", "beach.jpg", "dog.jpg", "forum.jpg", "film.mp4"]
    ids = [library.ids[name] for name in names]
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_contact_sheet", {"ids": [*ids, "nobody"]})
    assert result.structured_content is None
    assert [block.type for block in result.content] == ["image", "text"]
    assert max(opened(result.content[0]).size) <= 1568
    caption = json.loads(result.content[1].text)
    assert [row[:3] for row in caption["legend"]] == [[n, ids[n - 1], names[n - 1]] for n in range(1, 6)]
    assert caption["missing"] == ["nobody"]


async def test_a_contact_sheet_shows_a_search_and_goes_on_by_cursor(open_client, library):
    async with open_client(library.remote) as client:
        first = await client.call_tool("photos_contact_sheet", {"filter": "type:(PHOTOS)", "limit": 4})
        caption = json.loads(first.content[1].text)
        second = await client.call_tool("photos_contact_sheet", {"cursor": caption["next"]})
        page = (await client.call_tool("photos_list", {"path": "Pictures/2023", "limit": 1})).structured_content
        rest = await client.call_tool("photos_contact_sheet", {"cursor": page["next"]})
        both = await client.call_tool("photos_contact_sheet", {"ids": ["x"], "query": "y"})
    shown = [row[2] for row in caption["legend"]] + [row[2] for row in json.loads(second.content[1].text)["legend"]]
    assert len(shown) == len(set(shown)) == 7
    assert [row[2] for row in json.loads(rest.content[1].text)["legend"]] == ["cat.jpg", "film.mp4", "forum.jpg"]
    assert both.content[0].text.startswith("[bad_argument]")


async def test_what_has_no_picture_is_said(open_client, library, said):
    async with open_client(library.remote) as client:
        mixed = await client.call_tool(
            "photos_view", {"ids": [library.ids["cat.jpg"], library.ids["notes.txt"], "nobody"]}
        )
        none = await client.call_tool("photos_view", {"ids": [library.ids["notes.txt"]]})
        unknown = await client.call_tool("photos_view", {"ids": ["nobody"]})
    assert f"No picture can be made of {library.ids['notes.txt']}" in said(mixed)
    assert "Unknown ids: nobody" in said(mixed)
    assert not mixed.is_error
    assert said(none).startswith("[unsupported]")
    assert said(unknown).startswith("[not_found]")


async def test_a_rendition_beyond_the_bounds_is_not_decoded(open_client, library, said, monkeypatch, make_jpeg):
    cat = library.ids["cat.jpg"]
    answers = [b"<html>sign in</html>", make_jpeg("red", (400, 400)), b"\xff\xd8\xff broken"]

    async def thumbnail(target, *, size):
        return answers.pop(0)

    monkeypatch.setattr(library.remote, "thumbnail", thumbnail)
    async with open_client(library.remote, limits=Limits(picture_pixels=100_000)) as client:
        for _ in range(3):
            assert said(await client.call_tool("photos_view", {"ids": [cat]})).startswith("[unsupported]")


async def test_pixels_have_a_budget(open_client, library, said):
    async with open_client(library.remote, limits=Limits(pixels_per_day=256 * 256)) as client:
        arguments = {"ids": [library.ids["cat.jpg"]], "max_px": 256}
        assert not (await client.call_tool("photos_view", arguments)).is_error
        assert said(await client.call_tool("photos_view", arguments)).startswith("[budget]")


async def test_a_hidden_turn_of_the_camera_is_applied(make_jpeg):
    picture = Image.new("RGB", (400, 200), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    turned = Image.open(BytesIO(shrink(stream.getvalue(), side=256, **BOUNDS)))
    assert turned.size == (128, 256)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"%PDF-1.7", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"RIFF\0\0\0\0WEBPVP8 "],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PictureError):
        shrink(data, side=256, **BOUNDS)


def test_a_bomb_is_refused_before_it_is_unpacked():
    stream = BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    with pytest.raises(PictureError):
        shrink(stream.getvalue(), side=256, max_bytes=10_000_000, max_pixels=10**12)
    with pytest.raises(PictureError, match="too large"):
        shrink(stream.getvalue(), side=256, max_bytes=10, max_pixels=10**12)


def test_transparent_and_grey_pictures_become_jpegs():
    for mode in ("RGBA", "L", "P", "CMYK"):
        stream = BytesIO()
        Image.new(mode, (30, 20)).save(stream, "JPEG" if mode == "CMYK" else "PNG")
        assert Image.open(BytesIO(shrink(stream.getvalue(), side=256, **BOUNDS))).mode == "RGB"


@pytest.mark.parametrize("count", [1, 2, 5, 36])
def test_a_sheet_of_any_size_fits(count, make_jpeg):
    tiles = [make_jpeg("red", (64, 48)), None, b"broken"] * 12
    grid = Image.open(BytesIO(sheet(tiles[:count], side=1568, **BOUNDS)))
    assert max(grid.size) <= 1568
    assert grid.format == "JPEG"


async def test_trashed_pictures_can_be_looked_at_before_they_are_restored(open_client, library):
    await library.remote.trash(NodeId(library.ids["cat.jpg"]))
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_view", {"ids": [library.ids["cat.jpg"]]})
    assert [block.type for block in result.content] == ["text", "image"]
