"""Bytes on their way may be gone back to: a spool answers as a file does, in memory and on the disk."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.fs.spool import Spool


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=12), st.integers(0, 40)), max_size=12), st.integers(0, 30))
def test_a_spool_holds_what_a_file_would(steps, limit):
    file = io.BytesIO()
    with contextlib.closing(Spool(limit=limit)) as spool:
        for step in steps:
            if isinstance(step, int):
                spool.seek(step)
                file.seek(step)
            else:
                assert spool.write(step) == file.write(step)

        body = spool.body()
        assert len(spool) == len(file.getvalue())
        assert (body if isinstance(body, bytes) else body.read_bytes()) == file.getvalue()


def test_a_closed_spool_has_no_positions():
    spool = Spool()
    spool.close()

    with pytest.raises(ValueError, match="closed"):
        spool.seek(0)
