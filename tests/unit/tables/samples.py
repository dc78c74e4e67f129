"""Entries that the tests of tables are made with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from ap_remote.model import Entry, Kind, Media, Place, Status

DAY = datetime(2023, 6, 1, 12, tzinfo=UTC)
PHOTO = Entry(
    path="Pictures/a.jpg",
    name="a.jpg",
    id="n1",
    kind=Kind.FILE,
    size=7,
    md5="0" * 32,
    modified=DAY,
    created=DAY - timedelta(days=1),
    taken=DAY - timedelta(days=2),
    content_type="image/jpeg",
    version=3,
    parents=("root", "other"),
    owner_id="me",
    favorite=True,
    labels=("x",),
    things=("cat", "sofa"),
    people=("Ada",),
    media=Media(
        width=4032,
        height=3024,
        make="Apple",
        model="iPhone XS",
        place=Place(latitude=49.25, longitude=-123.1, label="CAN#BC#Vancouver"),
    ),
)
TOLD = msgspec.structs.replace(
    PHOTO,
    id="n4",
    name="IMG_0042.HEIC",
    path="Pictures/IMG_0042.HEIC",
    description="the pier",
    assets=("LIVE_VIDEO",),
    family_id="f1",
    properties={"app": {"rating": "5"}},
    media=msgspec.structs.replace(
        PHOTO.media,
        place=Place(city="Vancouver", region="British Columbia", country="Canada"),
        exif={
            "dateTime": "2019-07-06T18:22:00.000Z",
            "dateTimeOriginal": "2019:07:06 18:21:59",
            "dateTimeDigitized": "never",
            "exposureTime": "1/1780",
            "apertureValue": "54823/32325",
            "focalLength": "17/4",
            "isoSpeedRatings": "400",
            "orientation": "6",
            "subSecTimeOriginal": "012",
            "flash": "16",
            "xResolution": "72/0",
            "software": "15.1",
        },
    ),
)
"""A photograph that says all it can."""
FILM = Entry(
    path="film.MOV",
    name="film.MOV",
    id="n2",
    kind=Kind.FILE,
    modified=DAY + timedelta(days=1),
    content_type="video/quicktime",
    media=Media(
        width=1920,
        height=1080,
        duration=2.5,
        exif={
            "videoFrameRate": "29.97",
            "audioChannels": "2",
            "rotate": "90.0",
            "creationDate": "2023-06-01T14:00:00+02:00",
        },
    ),
)
FOLDER = Entry(path="Pictures", name="Pictures", id="n3", kind=Kind.FOLDER)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
times = st.none() | st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds and adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
entries = st.builds(
    Entry,
    path=texts,
    name=texts,
    id=texts,
    kind=st.sampled_from(Kind),
    size=st.integers(0, 2**62),
    md5=st.none() | texts,
    modified=times,
    created=times,
    taken=times,
    content_type=st.none() | st.sampled_from(["image/jpeg", "video/mp4", "text/plain"]),
    version=st.integers(0, 2**40),
    parents=st.lists(texts, max_size=3).map(tuple),
    owner_id=st.none() | texts,
    favorite=st.booleans(),
    hidden=st.booleans(),
    labels=st.lists(texts, max_size=3).map(tuple),
    things=st.lists(texts, max_size=3).map(tuple),
    people=st.lists(texts, max_size=3).map(tuple),
    status=st.sampled_from(Status),
    description=st.none() | texts,
    assets=st.lists(texts, max_size=2).map(tuple),
    properties=st.dictionaries(texts, st.dictionaries(texts, texts, min_size=1, max_size=2), max_size=2),
    media=st.none()
    | st.builds(
        Media,
        width=st.none() | st.integers(0, 2**31 - 1),
        height=st.none() | st.integers(0, 2**31 - 1),
        duration=st.none() | st.floats(0, 1e6),
        make=st.none() | texts,
        model=st.none() | texts,
        place=st.none()
        | st.builds(
            Place,
            latitude=st.none() | st.floats(-90, 90),
            longitude=st.none() | st.floats(-180, 180),
            label=st.none() | texts,
        ),
        exif=st.dictionaries(
            st.sampled_from(["focalLength", "isoSpeedRatings", "dateTime", "software", "creationDate", "unheardOf"]),
            texts.filter(bool) | st.sampled_from(["17/4", "1/0", "400", "2019-07-06T18:22:00.000Z", "nan", "1e400"]),
        ),
    ),
)
