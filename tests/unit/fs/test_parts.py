from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.fs.spans import MERGE_LIMIT, Span, byte_range, is_empty, merge
from ap_remote.fs.spool import Spool

_spans = st.builds(
    lambda path, start, length: Span(path, start, None if length is None else start + length),
    st.sampled_from(["/a", "/b"]),
    st.integers(0, 1000),
    st.none() | st.integers(1, 100),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(_spans, max_size=8), st.integers(0, 200))
def test_every_span_is_covered_by_one_of_the_merged(spans, gap):
    merged = merge(spans, gap=gap)

    assert len(merged) <= len(spans)
    assert all(any(block.covers(span) for block in merged) for span in spans)


def test_spans_are_not_merged_beyond_the_limit():
    spans = [Span("/a", start, start + MERGE_LIMIT) for start in (0, MERGE_LIMIT)]

    assert merge(spans, gap=100) == spans


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 50), st.none() | st.integers(-60, 60), st.none() | st.integers(-60, 60))
def test_a_byte_range_means_what_the_slice_means(size, start, stop):
    data = bytes(range(size))
    span = byte_range(start, stop, size)

    assert data[span.start : span.stop] == data[start:stop]
    assert not (is_empty(span) and data[start:stop])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 100))
def test_a_spool_gives_back_what_it_took_from_memory_or_from_a_file(pieces, limit):
    spool = Spool(limit=limit)
    for piece in pieces:
        assert spool.write(piece) == len(piece)
    body, whole = spool.body(), b"".join(pieces)

    assert len(spool) == len(whole)
    assert isinstance(body, bytes) is (len(whole) <= limit)
    assert (body.read_bytes() if isinstance(body, Path) else body) == whole
    spool.close()
    assert not (isinstance(body, Path) and body.exists())


@pytest.mark.parametrize("limit", [0, 100])
def test_a_closed_spool_takes_and_gives_nothing(limit):
    spool = Spool(limit=limit)
    spool.write(b"x")
    spool.close()
    spool.close()

    with pytest.raises(ValueError, match="closed"):
        spool.write(b"x")
    with pytest.raises(ValueError, match="closed"):
        spool.body()
