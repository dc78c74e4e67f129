"""Filters never crash, and not to look below a folder never changes what is taken."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import ConfigError
from ap_remote.transfer import re2
from ap_remote.transfer.filters import Filters, Rule, parse_rule
from ap_remote.transfer.patterns import compiled
from ap_remote.transfer.sums import parse_sums
from ap_remote.transfer.units import parse_duration, parse_rate, parse_size, parse_timetable, show_size

NAMES = st.text("ab.\n", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
GLOBS = st.lists(
    st.sampled_from(["a", "b", ".", "/", "*", "**", "?", "[a-b]", "{a,b}", "{a/b,b}", "{{a.*}}", "[^a]"]),
    min_size=1,
    max_size=5,
).map("".join)
ODD = st.text(st.sampled_from("ab/*?[]{}!^-\\,.()+|$:<>=PQEidswxz019 \n"), max_size=12)


def is_pattern(glob: str) -> bool:
    try:
        compiled(glob)
        Filters(rules=(Rule(takes=True, pattern=glob), Rule(takes=False, pattern=glob))).enters("a")
    except ConfigError:
        return False
    return True


RULES = st.builds(Rule, st.booleans(), GLOBS.filter(is_pattern))


@given(st.lists(RULES, max_size=4), st.lists(PATHS, max_size=8), st.booleans())
@settings(max_examples=150, deadline=None)
def test_below_a_folder_that_is_not_entered_nothing_is_taken(rules, paths, ignore_case) -> None:
    filters = Filters(rules=tuple(rules), ignore_case=ignore_case)
    for path in paths:
        folders = [path[:cut] for cut, char in enumerate(path) if char == "/"]
        if not all(filters.enters(folder) for folder in folders):
            assert not filters.takes(path, size=0, modified=None)


@given(st.lists(RULES, max_size=4), PATHS)
@settings(max_examples=100, deadline=None)
def test_below_a_folder_that_is_not_entered_none_is(rules, path) -> None:
    filters = Filters(rules=tuple(rules))
    if not filters.enters(path):
        assert not filters.enters(path + "/a")


@given(ODD, PATHS)
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_pattern_or_refused_in_a_sentence(text, path) -> None:
    with contextlib.suppress(ConfigError):
        compiled(text).search(path)
    with contextlib.suppress(ConfigError):
        compiled("{{" + text + "}}", ignore_case=True).search(path)
    with contextlib.suppress(ConfigError):
        parse_rule(text)


@given(st.text(max_size=8).filter(lambda text: "\\E" not in text))
@settings(max_examples=100, deadline=None)
def test_what_is_quoted_means_itself(text) -> None:
    assert compiled(f"{{{{\\Q{text}\\E}}}}").search(text) if "}}" not in text else re2.python(f"\\Q{text}\\E")


@given(st.one_of(st.text(max_size=10), st.from_regex(r"[-+0-9.]{1,6}[a-zA-Z]{0,3}", fullmatch=True)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_unit_or_refused_in_a_sentence(text) -> None:
    for parse in (parse_size, parse_duration, parse_rate, parse_timetable):
        with contextlib.suppress(ConfigError):
            parse(text)


@given(st.integers(0, 2**62))
@settings(max_examples=100, deadline=None)
def test_a_size_that_is_shown_can_be_read_and_is_about_what_it_was(size) -> None:
    again = parse_size(show_size(size))
    assert again is not None
    assert abs(again - size) <= size / 1024


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda text: text == text.strip("/").removeprefix("./")),
        st.binary(min_size=16, max_size=16),
        min_size=1,
    )
)
@settings(max_examples=100, deadline=None)
def test_checksums_come_back_as_they_were_written(sums) -> None:
    wanted = {path: md5.hex() for path, md5 in sums.items()}
    assert parse_sums("".join(f"{_as_md5sum(path, md5)}\n" for path, md5 in wanted.items())) == wanted


def _as_md5sum(path: str, md5: str) -> str:
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{md5}  {escaped}"


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_file_of_checksums_or_refused_in_a_sentence(text) -> None:
    with contextlib.suppress(ConfigError):
        parse_sums(text)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis takes naive bounds
@settings(max_examples=50, deadline=None)
def test_a_date_is_the_time_since_then(moment) -> None:
    now = datetime(2100, 1, 1, tzinfo=UTC)
    when = moment.replace(tzinfo=UTC)
    assert parse_duration(when.isoformat().replace("+00:00", "Z"), now=now) == now - when
