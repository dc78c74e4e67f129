"""What it costs to look through a JPEG, and that hostile bytes are refused rather than worked on."""

from __future__ import annotations

import re
import sys
from io import BytesIO
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote.transfer import stripping
from ap_remote.transfer.stripping import PictureError, without_position

SCAN = b"\xff\xda\x00\x02"
END = b"\xff\xd9"
TIFF = Image.Exif().tobytes()
EXIF = b"\xff\xe1" + (len(TIFF) + 2).to_bytes(2) + TIFF


def photograph(*, progressive: bool = False) -> bytes:
    stream = BytesIO()
    noise = bytes(n * n * 31 // 7 % 256 for n in range(64 * 48 * 3))
    Image.frombytes("RGB", (64, 48), noise).save(stream, "JPEG", progressive=progressive, quality=95)
    return stream.getvalue()


def coded(data: bytes) -> bytes:
    """Return a JPEG whose coded pixels are *data*."""
    return b"\xff\xd8" + SCAN + data + END


class Counting:
    """A pattern that knows how many bytes it was led over at most."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.passed = 0

    def search(self, data: bytes, at: int) -> re.Match[bytes] | None:
        found = self.pattern.search(data, at)
        self.passed += (len(data) if found is None else found.end()) - at
        return found

    def match(self, data: bytes, at: int) -> re.Match[bytes] | None:
        found = self.pattern.match(data, at)
        self.passed += 1 if found is None else found.end() - at
        return found


def cost(data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the lines that ran and the bytes that were searched for one picture."""
    lines = 0
    patterns = [Counting(re.compile(stripping._BEHIND.pattern)), Counting(re.compile(stripping._MARKER.pattern))]

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename != stripping.__file__:
            return None
        lines += event == "line"
        return count

    with monkeypatch.context() as patch:
        patch.setattr(stripping, "_BEHIND", patterns[0])
        patch.setattr(stripping, "_MARKER", patterns[1])
        before = sys.gettrace()
        sys.settrace(count)
        try:
            without_position(data)
        except PictureError:
            lines += 1
        finally:
            sys.settrace(before)
    return lines + sum(each.passed for each in patterns)


def test_what_is_searched_for_has_no_repetition_so_that_no_byte_is_read_from_many_places() -> None:
    assert re._parser.parse(stripping._BEHIND.pattern).getwidth() == (2, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: coded(b"\xff" * n),
        lambda n: coded(b"\xff" * n + b"\0"),
        lambda n: b"\xff\xd8" + SCAN + b"\xff" * n,
        lambda n: coded(b"\xff\0" * n),
        lambda n: coded(b"\xff\xd0" * n),
        lambda n: b"\xff\xd8" + SCAN * n + END,
        lambda n: b"\xff\xd8" + (SCAN + b"\xff\xff\xff\0") * n + END,
        lambda n: b"\xff\xd8" + b"\xff\xfe\0\2" * n + END,
        lambda n: b"\xff\xd8" + b"\xff" * n + b"\0",
    ],
)
def test_twice_the_bytes_are_twice_the_work(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = [cost(make(n), monkeypatch) for n in (1000, 2000, 4000)]
    assert costs[1] <= 2.1 * costs[0] + 50
    assert costs[2] <= 2.1 * costs[1] + 50


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([b"\xff", b"\0", b"\xd0", b"\xd9", b"\xda", b"\xe1", b"\x02", SCAN, EXIF]), max_size=60)
)
def test_any_bytes_are_looked_through_in_one_pass(pieces: list[bytes]) -> None:
    data = coded(b"".join(pieces))
    with pytest.MonkeyPatch.context() as patch:
        assert cost(data, patch) <= 60 * len(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80).map(lambda data: data.replace(b"\x01", b"\xff").replace(b"\x02", b"\xd9")))
def test_the_end_of_the_pixels_is_where_a_pattern_with_a_repetition_finds_it(data: bytes) -> None:
    slow = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])").search(data)
    quick = stripping._BEHIND.search(data)
    assert (slow and slow.end()) == (quick and quick.end())
    if slow and quick:
        assert data[: slow.start()] == data[: quick.start()].rstrip(b"\xff")


def test_a_megabyte_of_filling_is_passed_over() -> None:
    data = photograph()[:-2] + b"\xff" * 1_000_000 + END
    assert without_position(data).data == photograph()
    with pytest.raises(PictureError, match="cut off"):
        without_position(data[:-2])


@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_come_out_as_they_went_in(progressive: bool) -> None:  # noqa: FBT001 - a parameter of the test
    data = photograph(progressive=progressive)
    assert without_position(data) == (data, False, False)


@pytest.mark.parametrize("data", [b"\xff\xd8" + SCAN * 10_001 + END, b"\xff\xd8" + EXIF * 9 + END])
def test_a_file_of_very_many_parts_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="too many parts"):
        without_position(data)
