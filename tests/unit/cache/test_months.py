"""The months in which something was taken are those of what searches find."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ap_remote.cache import NodeCache
from ap_remote.model import Entry, Kind, Status

MOMENTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(MOMENTS | st.none(), st.sampled_from(["photo", "film", "text", "hidden", "trashed"])), max_size=8
    )
)
@example([(LAST, "photo"), (LAST, "film"), (FIRST, "photo"), (None, "photo")])
def test_the_months_that_searches_have(rows: list[tuple[datetime | None, str]]):
    entries = [
        Entry(
            path="",
            name=f"{number}",
            id=f"{number}",
            kind=Kind.FILE,
            parents=("root",),
            taken=taken,
            content_type={"film": "video/mp4", "text": "text/plain"}.get(what, "image/jpeg"),
            hidden=what == "hidden",
            status=Status.TRASHED if what == "trashed" else Status.AVAILABLE,
        )
        for number, (taken, what) in enumerate(rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        cache = NodeCache(Path(folder) / "cache")
        cache.put(entries)
        found = cache.months()
        cache.close()
    assert found == sorted({(taken.year, taken.month) for taken, what in rows if taken and what in ("photo", "film")})
