"""The contact sheet: one file, whatever photographs are called."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fixtures.demo.sheet import THUMBNAIL, Answer, Hit, render_sheet, thumbnail, write_sheet

HOSTILE = (
    '<script>alert("x")</script>.jpg',
    '"><img src=x onerror=alert(1)>.jpg',
    "</style><b>bold</b>.jpg",
    "javascript:alert('x').jpg",
    "&amp;<!--.jpg",
    "\udcff in a foreign encoding.jpg",
)


class Page(HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def jpeg(size: tuple[int, int] = (640, 400), orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def answer(name: str, **more: object) -> Answer:
    return Answer(
        title=name, way="by text", hits=(Hit(path=f"Pictures/{name}", picture=jpeg((8, 8)), score=0.5),), **more
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name):
    page = Page(render_sheet((answer(name, expectation=name),), facts={name: name}))
    assert "script" not in page.tags
    assert "b" not in page.tags[: page.tags.index("main")]
    assert page.tags.count("img") == 1
    assert not any(key.startswith("on") for key, _ in page.attributes)
    assert not any((value or "").startswith("javascript:") for key, value in page.attributes if key in ("href", "src"))
    shown = name.encode("utf-8", "replace").decode()
    assert any(shown.rpartition("/")[2] in text for text in page.text)


@settings(max_examples=40)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_no_name_can_add_an_element_or_an_attribute(name):
    plain = Page(render_sheet((answer("plain.jpg"),), facts={"name": "value"}))
    tried = Page(render_sheet((answer(name.replace("/", "_")),), facts={"name": name}))
    assert tried.tags == plain.tags
    assert [key for key, _ in tried.attributes] == [key for key, _ in plain.attributes]


def test_the_page_needs_no_other_file_and_may_not_ask_for_one():
    text = render_sheet((answer("a.jpg"),), facts={}).decode()
    page = Page(text.encode())
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "link" not in page.tags
    assert all((value or "").startswith("data:image/jpeg;base64,") for key, value in page.attributes if key == "src")


def test_thumbnails_are_small_and_upright():
    address = thumbnail(jpeg((1200, 600), orientation=6))
    assert address is not None
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        assert picture.size == (THUMBNAIL // 2, THUMBNAIL)


def test_what_is_no_picture_is_shown_as_missing():
    broken = Answer(title="t", way="by text", hits=(Hit(path="broken.jpg", picture=jpeg()[:200]),))
    page = Page(render_sheet((broken,), facts={}))
    assert "img" not in page.tags
    assert "no picture" in page.text


def test_scores_reasons_and_verdicts_are_on_the_page():
    hit = Hit(path="x/y.jpg", picture=jpeg((8, 8)), score=0.6321, reason="looks like a tabby", expected=True)
    shown = Answer(title="a cat", way="by text", hits=(hit,), right=True, verdict="came first", seconds=0.25, total=9)
    text = "|".join(Page(render_sheet((shown,), facts={"Library": "1 photograph"})).text)
    for part in (
        "a cat",
        "0.632",
        "looks like a tabby",
        "✔ came first",
        "250 ms",
        "first 1 of 9",
        "1 photograph",
        "y.jpg",
    ):
        assert part in text


def test_an_empty_answer_says_so():
    text = Page(render_sheet((Answer(title="t", way="by text", hits=()),), facts={})).text
    assert "Nothing was found." in text


def test_an_example_is_shown_before_the_answers(tmp_path):
    example = tmp_path / "held up.jpg"
    example.write_bytes(jpeg((8, 8)))
    target = tmp_path / "sheet.html"
    write_sheet(target, (answer("a.jpg", example=example),), facts={})
    page = Page(Path(target).read_bytes())
    assert page.tags.count("img") == 2
    assert page.text.index("the example") < page.text.index("1")
