from __future__ import annotations

import asyncio
import base64
import io
import re
import threading
from datetime import UTC, datetime
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, UnavailableError, UnsupportedError
from ap_remote.model import Entry, Kind, Media
from ap_remote.notebook import Gallery, gallery, gallery_of

_PHOTO = Entry(
    path="Pictures/a.jpg",
    name="a.jpg",
    id="n1",
    kind=Kind.FILE,
    size=432_777,
    taken=datetime(2023, 6, 1, tzinfo=UTC),
    content_type="image/jpeg",
    media=Media(width=4032, height=3024),
)
_FILM = Entry(
    path="b.mov", name="b.mov", id="n2", kind=Kind.FILE, content_type="video/quicktime", media=Media(duration=62.4)
)
_FOLDER = Entry(path="Pictures", name="Pictures", id="n3", kind=Kind.FOLDER)


def _jpeg(edge=400, *, exif=None):
    made = io.BytesIO()
    Image.new("RGB", (edge, edge // 2), "teal").save(made, "JPEG", **({"exif": exif} if exif else {}))
    return made.getvalue()


class _Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.texts = []
        self.open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.texts.append(data)

    def of(self, tag):
        return [attrs for found, attrs in self.found if found == tag]


def _page(shown):
    page = _Tags(shown._repr_html_())
    assert page.open == []
    return page


def test_each_entry_is_a_tile_with_its_picture_its_name_and_its_facts():
    shown = gallery([_PHOTO], lambda entry, size: _jpeg())

    page = _page(shown)
    picture = page.of("img")[0]

    assert picture["alt"] == "a.jpg, 2023-06-01"
    assert page.of("figure")[0]["title"] == "Pictures/a.jpg · 2023-06-01 · 4032 × 3024 · 432.8 kB"  # noqa: RUF001 - as shown
    assert "a.jpg" in page.texts


def test_pictures_are_small_jpegs_inside_the_page():
    page = _page(gallery([_PHOTO], lambda entry, size: _jpeg(3000)))
    kind, _, data = page.of("img")[0]["src"].partition(",")

    small = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))

    assert (kind, small.format, max(small.size)) == ("data:image/jpeg;base64", "JPEG", 256)


def test_what_a_file_says_about_its_place_does_not_go_along():
    exif = Image.Exif()
    exif[0x010E] = "at home"

    page = _page(gallery([_PHOTO], lambda entry, size: _jpeg(exif=exif)))
    data = base64.b64decode(page.of("img")[0]["src"].partition(",")[2])

    assert b"at home" in _jpeg(exif=exif)
    assert b"at home" not in data
    assert not Image.open(io.BytesIO(data)).getexif()


@pytest.mark.parametrize(
    "picture",
    [None, b"", b"no picture", _jpeg()[:300], b"<svg onload='alert(1)'/>"],
    ids=["none", "empty", "text", "cut off", "svg"],
)
def test_a_broken_thumbnail_is_a_grey_tile_that_says_its_type(picture):
    page = _page(gallery([_PHOTO], lambda entry, size: picture))

    assert page.of("img") == []
    assert "JPG" in page.texts
    assert {"class": "ap-none", "role": "img", "aria-label": "a.jpg"} in page.of("span")
    assert "1 entry, 1 without a thumbnail" in page.texts


@pytest.mark.parametrize("error", [UnsupportedError("no rendition"), UnavailableError("later")])
def test_a_thumbnail_that_cannot_be_had_is_a_grey_tile(error):
    def refuse(entry, size):
        raise error

    assert _page(gallery([_PHOTO], refuse)).of("img") == []


def test_expired_credentials_are_said_and_not_shown_as_grey():
    def refuse(entry, size):
        raise AuthenticationError("log in again")

    with pytest.raises(AuthenticationError):
        gallery([_PHOTO], refuse)


def test_no_more_thumbnails_are_fetched_than_are_shown():
    entries = [msgspec.structs.replace(_PHOTO, id=f"n{number}") for number in range(100)]
    asked = []

    shown = gallery(entries, lambda entry, size: asked.append((entry.id, size)) or _jpeg(40), limit=7)

    assert sorted(asked) == sorted((each.id, 256) for each in entries[:7])
    assert len(_page(shown).of("figure")) == 7
    assert "7 of 100 entries" in _page(shown).texts
    assert len(shown) == 100


def test_thumbnails_are_fetched_some_at_a_time():
    together = threading.Barrier(8, timeout=30)
    entries = [msgspec.structs.replace(_PHOTO, id=f"n{number}") for number in range(16)]

    def slow(entry, size):
        together.wait()
        return _jpeg(40)

    assert len(_page(gallery(entries, slow)).of("img")) == 16


def test_folders_are_tiles_for_which_nothing_is_asked():
    asked = []

    page = _page(gallery([_FOLDER], lambda entry, size: asked.append(entry)))

    assert asked == []
    assert "folder" in page.texts
    assert "1 entry" in page.texts


def test_films_say_how_long_they_are():
    assert "▶ 1:02" in _page(gallery([_FILM], lambda entry, size: _jpeg())).texts


_NASTY = "\"><script>alert(1)</script><img src=x onerror='y'>&amp;.jpg"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20) | st.just(_NASTY), st.booleans())
def test_no_name_breaks_out_of_its_place(name, pictured):
    entry = msgspec.structs.replace(_PHOTO, name=name, path=f"Pictures/{name}")
    page = _page(Gallery([entry], {"n1": "data:image/jpeg;base64,AA=="} if pictured else {}))

    assert {tag for tag, _ in page.found} <= {"style", "div", "figure", "img", "span", "figcaption", "bdi"}
    assert not [key for _, attrs in page.found for key in attrs if key.startswith("on")]
    assert len(page.of("figure")) == 1


def test_a_name_cannot_turn_the_writing_round():
    odd = msgspec.structs.replace(_PHOTO, name="a\u202egpj.exe")

    assert "\u202e" not in gallery([odd], lambda entry, size: None)._repr_html_()


def test_the_page_needs_nothing_from_outside():
    html = gallery([_PHOTO, _FILM, _FOLDER], lambda entry, size: _jpeg())._repr_html_()

    assert "://" not in html
    assert "<script" not in html
    assert not re.search(r"url\(|@import|javascript:", html)


def test_where_there_is_only_text_it_shows_lines():
    shown = gallery([_PHOTO] * 25, lambda entry, size: None)

    lines = repr(shown).splitlines()

    assert lines[0] == "2023-06-01   432.8 kB  Pictures/a.jpg"
    assert (len(lines), lines[-1]) == (21, "… and 5 more")


def test_a_notebook_is_offered_both_forms_and_takes_what_it_wants():
    shown = gallery([_PHOTO], lambda entry, size: None)

    assert set(shown._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert set(shown._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(shown._repr_mimebundle_(exclude={"text/html"})) == {"text/plain"}


def test_nothing_found_is_said():
    shown = gallery([], lambda entry, size: None)

    assert repr(shown) == "nothing found"
    assert "nothing found" in shown._repr_html_()


def test_a_gallery_is_a_sequence_of_its_entries():
    shown = gallery([_PHOTO, _FILM, _FOLDER], lambda entry, size: _jpeg())

    assert [each.id for each in shown] == ["n1", "n2", "n3"]
    assert shown[1] is _FILM
    assert len(_page(shown[:2]).of("img")) == 2


def test_less_than_nothing_cannot_be_shown():
    with pytest.raises(ValueError, match="fewer than 0"):
        gallery([_PHOTO], lambda entry, size: None, limit=-1)


async def test_a_listing_of_a_remote_becomes_a_gallery():
    remote = MemoryRemote()
    remote.seed("Pictures/a.jpg", _jpeg())
    remote.seed("Pictures/notes.txt", b"text")

    shown = await gallery_of(remote, remote.list("Pictures"))
    page = _page(shown)

    assert [each["alt"].partition(",")[0] for each in page.of("img")] == ["a.jpg"]
    assert "TXT" in page.texts


async def test_a_gallery_can_be_made_while_a_loop_is_running():
    remote = MemoryRemote()
    entry = remote.seed("a.jpg", _jpeg())
    loop = asyncio.get_running_loop()

    def fetch(entry, size):
        return asyncio.run_coroutine_threadsafe(remote.thumbnail(entry.path, size=size), loop).result(30)

    shown = await asyncio.to_thread(gallery, [await remote.stat("a.jpg")], fetch)

    assert entry is not None
    assert len(_page(shown).of("img")) == 1
