from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote import mapping
from ap_remote.model import Entry, Kind, Media, Place, Status
from ap_remote.remote.paths import check_name
from ap_remote.wire.nodes import (
    NODE,
    NODE_PAGE,
    Address,
    ContentProperties,
    ImageProperties,
    Node,
    Settings,
    VideoProperties,
)

WIRE = Path(__file__).parents[2] / "fixtures" / "wire"


def test_a_photograph_becomes_an_entry() -> None:
    node = NODE.decode((WIRE / "nodes/photo.json").read_bytes())
    assert mapping.entry(node, path="Pictures/IMG_0042.HEIC") == Entry(
        path="Pictures/IMG_0042.HEIC",
        name="IMG_0042.HEIC",
        id="HeMReF-vvJiTTkdPIeWuoP",
        kind=Kind.FILE,
        size=432777,
        md5="0123456789abcdef0123456789abcdef",
        modified=datetime(2024, 3, 2, 8, tzinfo=UTC),
        created=datetime(2024, 3, 1, 10, 20, 30, 123_000, tzinfo=UTC),
        taken=datetime(2024, 2, 28, 17, 4, 5, tzinfo=UTC),
        content_type="image/heic",
        version=2,
        parents=("aaaaaaaaaaaaaaaaaaaaaa",),
        owner_id="A1EXAMPLE0OWNR",
        favorite=True,
        labels=("holiday",),
        media=Media(
            width=4032,
            height=3024,
            make="Apple",
            model="iPhone XS",
            place=Place(
                latitude=49.2827,
                longitude=-123.1207,
                label="CAN#BC#Vancouver",
                city="Vancouver",
                region="BC",
                country="Canada",
            ),
            exif={
                "dateTimeOriginal": "2024-02-28T17:04:05.000Z",
                "apertureValue": "54823/32325",
                "exposureTime": "1/1780",
                "focalLength": "17/4",
                "orientation": "1",
            },
        ),
        assets=("LIVE_VIDEO",),
    )


def test_odd_nodes_become_entries_too() -> None:
    page = NODE_PAGE.decode((WIRE / "nodes/odd-page.json").read_bytes())
    root, pending, film = (mapping.entry(node, path=node.name or "") for node in page.data)
    assert (root.name, root.path, root.kind, root.version) == ("", "", Kind.FOLDER, 7)
    assert (pending.status, pending.size, pending.md5, pending.media) == (Status.PENDING, 0, None, None)
    assert film.md5 == "fedcba9876543210fedcba9876543210"
    assert film.media == Media(
        width=1920,
        height=1080,
        duration=12.5,
        place=Place(latitude=48.8566, longitude=2.3522),
        exif={"rotate": "90", "videoCodec": "h264", "videoFrameRate": "29.97"},
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/b", "a\uff0fb"),
        ("../../etc/passwd", "..\uff0f..\uff0fetc\uff0fpasswd"),
        ("..", "\uff0e\uff0e"),
        (".", "\uff0e"),
        ("x\0y", "x\u2400y"),
        ("", "i"),
        (None, "i"),
        ("...", "..."),
    ],
)
def test_a_name_that_no_path_can_hold_is_shown_by_one_that_can(name: str | None, shown: str) -> None:
    entry = mapping.entry(Node(id="i", name=name, parents=("p",)), path="")
    assert check_name(entry.name) == shown


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("FILE", Kind.FILE),
        ("FOLDER", Kind.FOLDER),
        ("VISUAL_COLLECTION", Kind.ALBUM),
        ("ASSET", Kind.ASSET),
        ("SHARED_COLLECTION", Kind.FOLDER),
        ("SOMETHING_NEW", Kind.FILE),
    ],
)
def test_kinds_have_their_words(word: str, kind: Kind) -> None:
    assert mapping.kind(word) is kind


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_goes_there_and_back(kind: Kind) -> None:
    assert mapping.kind(mapping.kind_word(kind)) is kind


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("AVAILABLE", Status.AVAILABLE),
        ("TRASH", Status.TRASHED),
        ("PURGED", Status.TRASHED),
        ("PENDING", Status.PENDING),
    ],
)
def test_statuses_have_their_words(word: str, status: Status) -> None:
    assert mapping.entry(Node(id="a", status=word), path="a").status is status


def test_marks_labels_and_things_come_over() -> None:
    node = Node(
        id="a",
        settings=Settings(hidden=True),
        labels=("x", "y"),
        keywords=("y", "z"),
        things=("beach",),
        description="about",
    )
    entry = mapping.entry(node, path="a")
    assert (entry.favorite, entry.hidden, entry.description) == (False, True, "about")
    assert (entry.labels, entry.things) == (("x", "y", "z"), ("beach",))


def test_an_empty_description_is_none_and_words_of_programs_come_over_by_owner() -> None:
    node = NODE.decode(
        b'{"id": "a", "description": "", "familyId": "F1", "parents": ["p", "q"],'
        b' "properties": {"app": {"k": "v", "odd": 5}, "broken": "x", "empty": {}}}'
    )
    entry = mapping.entry(node, path="a")
    assert (entry.description, entry.family_id, entry.parents) == (None, "F1", ("p", "q"))
    assert entry.properties == {"app": {"k": "v"}}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (ContentProperties(), None),
        (ContentProperties(image=ImageProperties(location="")), None),
        (ContentProperties(image=ImageProperties(location="somewhere")), None),
        (ContentProperties(image=ImageProperties(location="91.0,10")), None),
        (ContentProperties(image=ImageProperties(location="10,181")), None),
        (ContentProperties(image=ImageProperties(location="49.28, -123.12")), Place(latitude=49.28, longitude=-123.12)),
        (ContentProperties(video=VideoProperties(location="-33.9+151.2/")), Place(latitude=-33.9, longitude=151.2)),
        (
            ContentProperties(image=ImageProperties(location="CAN#BC#Vancouver")),
            Place(label="CAN#BC#Vancouver", country="CAN", region="BC", city="Vancouver"),
        ),
        (
            ContentProperties(location_id="USA#OH#", image=ImageProperties(location="39.9,-83.0")),
            Place(label="USA#OH#", country="USA", region="OH", latitude=39.9, longitude=-83.0),
        ),
        (
            ContentProperties(address=Address(city="Paris", country_code="fr")),
            Place(label="FRA#Paris", city="Paris", country="FRA"),
        ),
        (
            ContentProperties(address=Address(state="BC", city="A#B", country_code="CAN", country="Canada")),
            Place(label="CAN#BC#A B", city="A#B", region="BC", country="Canada"),
        ),
        (
            ContentProperties(address=Address(city="Paris"), image=ImageProperties(location="48.8,2.3")),
            Place(city="Paris", latitude=48.8, longitude=2.3),
        ),
        (ContentProperties(address=Address(country_code="XX")), Place(label="XX", country="XX")),
        (ContentProperties(address=Address(latitude="x", longitude=5)), None),
    ],
)
def test_a_place_is_read_from_what_there_is(content: ContentProperties, place: Place | None) -> None:
    assert mapping.place(content) == place


def test_a_place_alone_is_worth_a_media() -> None:
    media = mapping.media(ContentProperties(address=Address(city="Paris")))
    assert media == Media(place=Place(city="Paris"))


WORD = st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.booleans()


@settings(max_examples=60)
@given(
    st.builds(ImageProperties, width=WORD, height=WORD, make=WORD, location=WORD, iso_speed_ratings=WORD),
    st.builds(Address, latitude=WORD, longitude=WORD, country_code=st.none() | st.text(max_size=4)),
    st.none() | st.text(max_size=30),
)
def test_whatever_a_picture_says_it_becomes_an_entry(
    image: ImageProperties, address: Address, date: str | None
) -> None:
    content = ContentProperties(image=image, address=address, content_date=date)
    entry = mapping.entry(Node(id="a", created_date=date, content_properties=content), path="a")
    assert entry.media is not None
    assert entry.media.width is None or entry.media.width >= 0
    assert all(isinstance(each, str) and each for each in entry.media.exif.values())
    place = entry.media.place
    assert place is None or place.latitude is None or -90 <= place.latitude <= 90
