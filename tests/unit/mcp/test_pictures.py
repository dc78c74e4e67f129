"""What a model sees: small JPEGs with nothing else in them."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from base64 import b64decode
from io import BytesIO
from types import SimpleNamespace

import anyio
import anyio.from_thread
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote.errors import ProtocolError
from ap_remote.model import NodeId
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.results import pictures
from ap_remote_mcp.results.pictures import PictureError, sheet, shrink, tile
from ap_remote_mcp.tools.drawing import drawn
from ap_remote_mcp.turn import Turn

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


async def test_a_contact_sheet_shows_a_time_and_says_where_there_is_nothing(open_client, library, said):
    async with open_client(library.remote) as client:
        summer = await client.call_tool("photos_contact_sheet", {"from": "2023-07", "to": "2023-08-02", "limit": 2})
        caption = json.loads(summer.content[1].text)
        rest = await client.call_tool("photos_contact_sheet", {"cursor": caption["next"]})
        nothing = await client.call_tool("photos_contact_sheet", {"from": "1950", "to": "1951"})
        unclear = await client.call_tool("photos_contact_sheet", {"from": "last summer"})
        both = await client.call_tool("photos_contact_sheet", {"cursor": caption["next"], "from": "2023"})
        unknown = await client.call_tool("photos_contact_sheet", {"ids": ["nobody"]})
    assert [row[2] for row in caption["legend"]] == ["forum.jpg", "film.mp4"]
    assert [row[2] for row in json.loads(rest.content[1].text)["legend"]] == ["cat.jpg", "beach.jpg"]
    assert said(nothing).startswith("[not_found] Nothing is found. ")
    assert "YYYY-MM-DD" in said(unclear)
    assert said(both).startswith("[bad_argument] Give ids, or a search, or a cursor alone.")
    assert said(unknown).startswith("[not_found] No item has the id nobody.")


async def test_the_cursor_of_a_plan_goes_on_to_its_end(open_client, library, tmp_path):
    async with open_client(library.remote, home=tmp_path) as client:
        made = (await client.call_tool("photos_suggest_folders", {"by": "month", "min_size": 2})).structured_content
        if "job" in made:
            waited = {"job_id": made["job"]["job_id"], "wait_s": 30}
            made = (await client.call_tool("photos_job", waited)).structured_content["result"]
        path = f"plan:{made['plan_id']}/#1"
        page = (await client.call_tool("photos_list", {"path": path, "limit": 1})).structured_content
        seen, cursor = [page["items"][0]["id"]], page.get("next")
        while cursor:
            sheet_ = await client.call_tool("photos_contact_sheet", {"cursor": cursor, "limit": 1})
            caption = json.loads(sheet_.content[1].text)
            seen += [row[1] for row in caption["legend"]]
            assert len(seen) <= made["folders"][0]["count"], "it does not end"
            cursor = caption.get("next")
    assert len(set(seen)) == made["folders"][0]["count"] == len(seen)


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
    Image.new("1", (1, 1)).save(stream, "PNG")
    data = stream.getvalue()
    head = b"IHDR" + struct.pack(">II", 20_000, 20_000) + data[24:29]
    data = data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    with pytest.raises(PictureError, match="cannot be decoded") as caught:
        shrink(data, side=20_000, max_bytes=10_000_000, max_pixels=10**12)
    assert isinstance(caught.value.__cause__, Image.DecompressionBombError)
    with pytest.raises(PictureError, match="too large"):
        shrink(data, side=256, max_bytes=10, max_pixels=10**12)


def test_transparent_and_grey_pictures_become_jpegs():
    for mode in ("RGBA", "L", "P", "CMYK"):
        stream = BytesIO()
        Image.new(mode, (30, 20)).save(stream, "JPEG" if mode == "CMYK" else "PNG")
        assert Image.open(BytesIO(shrink(stream.getvalue(), side=256, **BOUNDS))).mode == "RGB"


@pytest.mark.parametrize("count", [1, 2, 5, 36])
def test_a_sheet_of_any_size_fits(count, make_jpeg):
    tiles = [make_jpeg("red", (64, 48)), None, b"broken"] * 12
    grid = Image.open(BytesIO(sheet([tile(each, **BOUNDS) for each in tiles[:count]], side=1568)))
    assert max(grid.size) <= 1568
    assert grid.format == "JPEG"


def test_a_row_of_a_sheet_is_as_high_as_its_highest_picture():
    wide, tall = Image.new("RGB", (256, 100), "red"), Image.new("RGB", (100, 256), "red")
    sizes = [Image.open(BytesIO(sheet(tiles, side=1568))).size for tiles in ([wide] * 4, [wide, wide, tall, wide])]
    assert sizes == [(524, 212), (524, 368)]
    flat = Image.open(BytesIO(sheet([Image.new("RGB", (256, 1), "red")], side=1568)))
    assert flat.height == 72, "there is room for the number"


async def test_trashed_pictures_can_be_looked_at_before_they_are_restored(open_client, library):
    await library.remote.trash(NodeId(library.ids["cat.jpg"]))
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_view", {"ids": [library.ids["cat.jpg"]]})
    assert [block.type for block in result.content] == ["text", "image"]


# -- renditions of a service that lies ---------------------------------------------------------------------------------


def poisoned(*wrong):
    """Return a JPEG with *wrong* bytes in its EXIF, each with its place there."""
    exif = Image.Exif()
    exif.update({0x010F: "Canon", 0x0112: 6, 0x011A: 72.0, 0x0132: "2023:07:14 12:00:00"})
    stream = BytesIO()
    Image.new("RGB", (32, 24), "red").save(stream, "JPEG", exif=exif)
    body = bytearray(stream.getvalue())
    begin = body.index(b"Exif\0\0") + 6
    for at, byte in wrong:
        body[begin + at] = byte
    return bytes(body)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 110), st.sampled_from([0, 1, 2, 5, 11, 16, 26, 255])), max_size=3))
@example([(11, 0)])  # struct.error, as Pillow 12 has it
@example([(11, 26)])  # TypeError
@example([(13, 11)])  # AttributeError
def test_whatever_exif_says_a_picture_is_made_or_refused(wrong):
    try:
        shrunk = shrink(poisoned(*wrong), side=256, **BOUNDS)
    except PictureError:
        return
    assert Image.open(BytesIO(shrunk)).format == "JPEG"


@pytest.mark.parametrize("error", [TypeError, struct.error, RecursionError])
def test_what_pillow_stumbles_over_is_no_picture(error, monkeypatch, make_jpeg):
    def stumble(_image):
        raise error("deep inside")

    monkeypatch.setattr("ap_remote_mcp.results.pictures.ImageOps.exif_transpose", stumble)
    with pytest.raises(PictureError, match="cannot be decoded"):
        shrink(make_jpeg("red"), side=256, **BOUNDS)


async def test_one_poisoned_rendition_leaves_one_tile_grey(open_client, library, said, make_jpeg, monkeypatch):
    names = ["cat.jpg", "beach.jpg", "dog.jpg"]
    ids = [library.ids[name] for name in names]

    async def thumbnail(target, *, size):
        if target.value == ids[2]:
            raise ProtocolError("the answer is longer than it may be")
        return poisoned((11, 0)) if target.value == ids[1] else make_jpeg("red", (256, 256))

    monkeypatch.setattr(library.remote, "thumbnail", thumbnail)
    async with open_client(library.remote) as client:
        grid = await client.call_tool("photos_contact_sheet", {"ids": ids})
        seen = await client.call_tool("photos_view", {"ids": ids})
    picture = opened(grid.content[0])
    assert [picture.getpixel(at)[0] > 200 for at in ((130, 130), (390, 130), (130, 390))] == [True, False, False]
    assert not seen.is_error
    assert [block.type for block in seen.content] == ["text", "image", "text", "text", "text", "text"]
    assert f"No picture can be made of {ids[1]}" in said(seen)


@pytest.mark.parametrize("size", [(2048, 2049), (7000, 7000)])
def test_a_rendition_with_more_than_64_times_the_pixels_that_were_asked_for_is_not_decoded(size):
    stream = BytesIO()
    Image.new("1", size).save(stream, "PNG")
    with pytest.raises(PictureError, match="too many pixels"):
        shrink(stream.getvalue(), side=256, max_bytes=10**7, max_pixels=50_000_000)


def test_a_large_jpeg_is_never_unpacked_whole(monkeypatch):
    """It is scaled while it is read: what is turned and shrunk afterwards has an eighth of its sides."""
    sizes = []
    convert = Image.Image.convert

    def noted(self, *rest, **named):
        sizes.append(self.size)
        return convert(self, *rest, **named)

    stream = BytesIO()
    Image.new("RGB", (2048, 2048), "red").save(stream, "JPEG")
    monkeypatch.setattr(Image.Image, "convert", noted)
    shrunk = shrink(stream.getvalue(), side=256, max_bytes=10**7, max_pixels=50_000_000)
    assert sizes == [(256, 256)]
    assert Image.open(BytesIO(shrunk)).size == (256, 256)


def test_a_jpeg_of_very_many_passes_is_not_decoded(make_jpeg):
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"
    with pytest.raises(PictureError, match="too many passes"):
        shrink(make_jpeg("red")[:-2] + scan * 101 + b"\xff\xd9", side=256, **BOUNDS)


def test_a_photograph_in_passes_is_one_like_any_other():
    stream = BytesIO()
    Image.linear_gradient("L").convert("RGB").save(stream, "JPEG", progressive=True)
    assert Image.open(BytesIO(shrink(stream.getvalue(), side=256, **BOUNDS))).size == (256, 256)


async def test_each_rendition_is_made_small_before_the_next_is_fetched(open_client, library, make_jpeg, monkeypatch):
    steps = []
    made = tile

    async def thumbnail(target, *, size):
        steps.append("fetch")
        return make_jpeg("red", (512, 512))

    def small(*given, **bounds):
        steps.append("shrink")
        return made(*given, **bounds)

    monkeypatch.setattr(library.remote, "thumbnail", thumbnail)
    monkeypatch.setattr("ap_remote_mcp.tools.looking.tile", small)
    async with open_client(library.remote) as client:
        await client.call_tool("photos_contact_sheet", {"filter": "type:(PHOTOS)", "limit": 5})
    assert steps == ["fetch", "shrink"] * 5


async def test_a_sheet_is_drawn_when_others_may_speak_already(open_client, library, monkeypatch):
    drawing, spoken = anyio.Event(), anyio.Event()
    answers = {}

    def patient(*given, **named):
        anyio.from_thread.run_sync(drawing.set)
        anyio.from_thread.run(spoken.wait)
        return sheet(*given, **named)

    async def draw(client):
        answers["sheet"] = await client.call_tool("photos_contact_sheet", {"ids": [library.ids["cat.jpg"]]})

    monkeypatch.setattr("ap_remote_mcp.tools.looking.sheet", patient)
    with anyio.fail_after(20):
        async with open_client(library.remote) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(draw, client)
            await drawing.wait()
            answers["status"] = await client.call_tool("photos_status", {})
            spoken.set()
    assert not answers["status"].is_error
    assert not answers["sheet"].is_error


@pytest.mark.parametrize("tool", ["photos_view", "photos_contact_sheet", "preview"])
async def test_others_have_the_turn_while_a_picture_is_decoded(open_client, library, monkeypatch, tool):
    decoding, spoken = anyio.Event(), anyio.Event()
    decode = pictures._decode
    answers = {}

    def patient(*given, **named):
        anyio.from_thread.run_sync(decoding.set)
        anyio.from_thread.run(spoken.wait)
        return decode(*given, **named)

    async def look(client):
        cat = library.ids["cat.jpg"]
        if tool == "preview":
            answers["seen"] = await client.read_resource(f"photos://node/{cat}/preview")
        else:
            answers["seen"] = await client.call_tool(tool, {"ids": [cat, library.ids["beach.jpg"]]})

    monkeypatch.setattr(pictures, "_decode", patient)
    with anyio.fail_after(20):
        async with open_client(library.remote) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(look, client)
            await decoding.wait()
            answers["list"] = await client.call_tool("photos_list", {"path": "Pictures/2023"})
            spoken.set()
    assert not answers["list"].is_error
    assert tool == "preview" or not answers["seen"].is_error


async def test_one_picture_is_decoded_at_a_time_whoever_asks(open_client, library, monkeypatch):
    decode = pictures._decode
    now, most = [], []

    def counted(*given, **named):
        now.append(1)
        most.append(len(now))
        made = decode(*given, **named)
        now.pop()
        return made

    monkeypatch.setattr(pictures, "_decode", counted)
    ids = [library.ids[name] for name in ("cat.jpg", "beach.jpg", "dog.jpg")]
    async with open_client(library.remote) as client, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.call_tool, "photos_view", {"ids": ids, "max_px": 256})
    assert most == [1] * 9


async def test_calls_at_once_show_no_pixel_more_than_the_day_has(open_client, library, said):
    limits = Limits(pixels_per_day=5 * 256 * 256)
    ids = [library.ids["cat.jpg"], library.ids["beach.jpg"]]
    answers = []

    async def look(client):
        answers.append(await client.call_tool("photos_view", {"ids": ids, "max_px": 256}))

    async with open_client(library.remote, limits=limits) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(look, client)
        left = (await client.call_tool("photos_status", {})).structured_content["pixels_left_today"]
    shown = sum(block.type == "image" for each in answers for block in each.content)
    assert all(each.is_error == said(each).startswith("[budget]") for each in answers)
    assert left == 0
    assert shown <= 5


async def test_a_call_that_is_given_up_ends_its_thread_at_the_next_step_and_gives_it_back():
    app = SimpleNamespace(turn=Turn(), drawing=anyio.CapacityLimiter(1))
    begun, go_on, done = anyio.Event(), threading.Event(), []

    def work(step):
        anyio.from_thread.run_sync(begun.set)
        assert go_on.wait(20)
        step()
        done.append(True)

    async with app.turn, anyio.create_task_group() as tasks:
        tasks.start_soon(drawn, app, work)
        await begun.wait()
        tasks.cancel_scope.cancel()
        go_on.set()
    assert not done
    assert app.drawing.borrowed_tokens == 0


@pytest.mark.parametrize("parts", [0, 1])
def test_a_picture_is_decoded_and_encoded_in_steps(parts, make_jpeg, monkeypatch):
    done = []
    decode = pictures._decode
    monkeypatch.setattr(pictures, "_decode", lambda *given, **named: done.append(True) or decode(*given, **named))
    left = [None] * parts

    def step():
        if not left:
            raise InterruptedError
        left.pop()

    with pytest.raises(InterruptedError):
        shrink(make_jpeg("red"), step, side=256, **BOUNDS)
    assert len(done) == parts, "then it would have been encoded"


async def test_a_sheet_that_takes_too_long_ends_between_two_pictures(open_client, library, said, monkeypatch):
    begun = []

    def endless(*given, **bounds):
        begun.append(given)
        if len(begun) == 2:
            anyio.from_thread.run(anyio.sleep_forever)  # until the call is given up
        return tile(*given, **bounds)

    monkeypatch.setattr("ap_remote_mcp.tools.looking.tile", endless)
    async with open_client(library.remote, limits=Limits(call_seconds=0.5)) as client:
        late = await client.call_tool("photos_contact_sheet", {"filter": "type:(PHOTOS)"})
        assert said(late).startswith("[busy]")
        assert len(begun) <= 2
        monkeypatch.undo()
        assert not (await client.call_tool("photos_status", {})).is_error
