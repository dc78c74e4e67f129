"""The page as a machine reads it; how it looks is for people."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import util

import pytest

from ap_remote.errors import MissingExtraError, UnsupportedError
from ap_remote.insight import Library, Summary, page, towns
from ap_remote.model import Entry, Kind, Media, NodeId, Place

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2019, 1, 1, 8, tzinfo=UTC)
HOSTILE = {
    "<script>alert(1)</script>.jpg": "<script>alert(1)</script>.jpg",
    "{{ 7 * 7 }}{% raw %}.jpg": "{{ 7 * 7 }}{% raw %}.jpg",
    "\u202egpj.exe.jpg": "\\u202egpj.exe.jpg",
    "line\nbreak\x1b[2J.jpg": "line\\u000abreak\\u001b[2J.jpg",
    "\"><img src=x onerror='alert(1)'>.jpg": "\"><img src=x onerror='alert(1)'>.jpg",
    "$\\frac{1}{2}$.jpg": "$\\frac{1}{2}$.jpg",
    "א\u05d1 \ud800.jpg": "א\u05d1 \\ud800.jpg",
    "x" * 250 + ".jpg": "x" * 250 + ".jpg",
    "👨\u200d👩\u200d👧.jpg": "👨\u200d👩\u200d👧.jpg",
}


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, and the text of all."""

    VOID = frozenset({"meta", "img", "br", "path", "use"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.within: list[str] = []
        self.figures: list[dict[str, int]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "figure":
            self.figures.append({})
        elif "figure" in self.within:
            self.figures[-1][tag] = self.figures[-1].get(tag, 0) + 1
        if tag not in self.VOID:
            self.within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.within.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.within:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def entries() -> Iterator[Entry]:
    for number in range(400):
        taken = START + timedelta(days=number * 3 if number < 200 else number * 3 + 90, hours=number % 9)
        film = number % 10 == 0
        name = f"IMG_{number:04d}.{'MOV' if film else 'JPG'}"
        yield Entry(
            path=f"Pictures/{taken.year}/{name}",
            name=name,
            id=f"id{number}",
            kind=Kind.FILE,
            size=1_000_000 + number,
            md5=f"{number // 2 if number < 20 else number:032x}",
            created=taken + timedelta(days=1),
            taken=taken,
            content_type="video/quicktime" if film else "image/jpeg",
            media=Media(
                make="Apple",
                model="iPhone 12",
                place=Place(latitude=48 + number % 7 / 10, longitude=11.5, label="DEU#BY#Munich"),
            ),
        )
    for number, name in enumerate(HOSTILE):
        yield Entry(
            path=f"Pictures/{name}",
            name=name,
            id=f"odd{number}",
            kind=Kind.FILE,
            size=5_000_000_000 + number,
            md5=f"{number // 3 + 5000:032x}",
            content_type="video/mp4",
            media=Media(make=name[:20], model=name[:40], place=Place(country=name, region=name, city=name)),
        )


@pytest.fixture(scope="module")
def library() -> Library:
    summary = Summary(now=NOW)
    for entry in entries():
        summary.add(entry)
    return summary.library()


@pytest.fixture(scope="module")
def undrawn() -> Library:
    """Those of its files that have no date and no position, so that there is no plot to wait for."""
    summary = Summary(now=NOW)
    for entry in entries():
        if entry.taken is None:
            summary.add(entry)
    return summary.library()


@pytest.fixture(scope="module")
def text(library: Library) -> str:
    return page.render(library, title="home:<Pictures>")


@pytest.fixture(scope="module")
def parsed(text: str) -> Page:
    return Page(text)


def test_each_plot_has_a_title_words_for_who_cannot_see_it_and_a_table(parsed: Page) -> None:
    assert {"years", "months", "calendar", "clock", "growth", "map"} <= {
        each.get("id") for each in parsed.all("figure")
    }
    assert len(parsed.figures) >= 12
    for figure in parsed.figures:
        assert figure["h3"] == 1
        assert figure["table"] == 1
        assert figure["caption"] == 1
    drawn = [figure for figure in parsed.figures if "svg" in figure]
    assert [figure["svg"] for figure in drawn] == [2] * 6
    for attributes in parsed.all("svg"):
        assert attributes["role"] == "img"
        assert attributes["aria-label"]


@pytest.mark.parametrize(("size", "told"), [(300, "0.3 KiB"), (5 << 20, "5.0 MiB"), (7 << 30, "7.0 GiB")])
def test_storage_is_told_in_a_unit_that_fits_it(size: int, told: str) -> None:
    summary = Summary(now=NOW)
    summary.add(Entry(path="a.jpg", name="a.jpg", id="a", kind=Kind.FILE, size=size, created=NOW))
    assert f"up to {told}; 0.0 {told[-3:]} of it" in page.render(summary.library(), title="home:")


def test_the_page_is_well_formed_and_its_ids_are_its_own(parsed: Page) -> None:
    assert parsed.within == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [attributes["lang"] for attributes in parsed.all("html")] == ["en"]
    levels = [int(tag[1]) for tag, _ in parsed.elements if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_the_page_loads_nothing_and_runs_nothing(text: str, parsed: Page) -> None:
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "a"} & {
        tag for tag, _ in parsed.elements
    }
    own = {f"#{attributes['id']}" for _, attributes in parsed.elements if "id" in attributes}
    for _, attributes in parsed.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert {attributes[name] for name in ("href", "xlink:href", "src", "action") if name in attributes} <= own
    assert "://" not in text
    assert "@import" not in text
    assert {f"#{found}" for found in re.findall(r"url\(#([^)]*)\)", text)} <= own
    assert "url(" not in re.sub(r"url\(#", "", text)
    (policy,) = (each["content"] for each in parsed.all("meta") if each.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_hostile_names_are_shown_and_do_nothing(text: str, parsed: Page) -> None:
    for shown in HOSTILE.values():
        assert f"Pictures/{shown}" in parsed.text
    assert "home:<Pictures>" in parsed.text
    assert "49.jpg" not in parsed.text
    assert not any(char in text for char in "\u202e\x1b\0")
    text.encode("utf-8")


def test_the_figures_on_the_page_are_those_of_the_library(library: Library, parsed: Page) -> None:
    assert f"{library.files:,}" in parsed.text
    assert "Apple iPhone 12" in parsed.text
    assert "Germany / Bayern / Munich" in parsed.text
    assert "2020-08-" in parsed.text
    assert len(library.gaps) == 1
    assert f"Duplicates: {len(library.duplicates)} contents" in parsed.text


@pytest.mark.parametrize("kept", [0, 1])
def test_a_small_library_has_a_page_as_well(kept: int) -> None:
    summary = Summary(now=NOW)
    for _, entry in zip(range(kept), entries(), strict=False):
        summary.add(entry)
    found = Page(page.render(summary.library(), title="local:"))
    assert found.within == []
    assert ("svg" in {tag for tag, _ in found.elements}) == (kept > 0)


def test_documents_alone_have_a_page_without_a_timeline() -> None:
    summary = Summary(now=NOW)
    summary.add(Entry(path="a.pdf", name="a.pdf", id="a", kind=Kind.FILE, size=5, content_type="application/pdf"))
    found = Page(page.render(summary.library(), title="local:"))
    assert "a.pdf" in found.text
    assert not list(found.all("svg"))


class Pictured:
    """Makes a rendition of all but one entry."""

    async def thumbnail(self, target: NodeId, *, size: int = 512) -> bytes:
        if target.value == "odd1":
            raise UnsupportedError("no rendition")
        return f"{target.value}-{size}".encode()


async def test_thumbnails_lie_in_the_page_itself(undrawn: Library) -> None:
    told: list[tuple[int, int | None]] = []
    pictures = await page.thumbnails(Pictured(), undrawn, count=4, progress=lambda *each: told.append(each))
    assert "odd8" in pictures
    assert "odd1" not in pictures
    found = Page(page.render(undrawn, title="home:", pictures=pictures))
    images = list(found.all("img"))
    assert images
    for each in images:
        assert each["src"].startswith("data:image/jpeg;base64,")
        assert each["alt"]
    assert told[-1][0] == told[-1][1]
    assert await page.thumbnails(object(), undrawn, count=4) == {}


def test_without_the_extra_it_says_what_to_install(undrawn: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    known = util.find_spec
    monkeypatch.setattr(page, "find_spec", lambda name: None if name == "matplotlib" else known(name))
    with pytest.raises(MissingExtraError, match=r"ap-remote\[report\]"):
        page.render(undrawn, title="home:")


def test_a_map_shows_all_points_and_the_world_only_where_it_must() -> None:
    italy = [(12.5, 41.9), (9.2, 45.5)]
    window = towns.window_of(italy)
    assert window.width < 20
    assert all(window.west < x < window.east and window.south < y < window.north for x, y in italy)
    assert towns.window_of([*italy, (-122.4, 37.8)]) == towns.WORLD
    polar = towns.window_of([(0.0, 89.0)])
    assert polar.north <= 90
    assert polar.south < 89 < polar.north
    land = towns.dots(window, across=60)
    assert 300 < len(land) < 60 * 60
    assert all(window.west <= x <= window.east and window.south <= y <= window.north for x, y in land)
