"""Filters: rules from options and files, bounds, lists of files, parts, and what is refused."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime

import msgspec
import pytest

from ap_remote.errors import ConfigError
from ap_remote.transfer.filters import EVERYTHING, Filters, Rule, parse_files, parse_part, parse_rule, parse_rules

WHEN = datetime(2024, 5, 1, tzinfo=UTC)


def plus(pattern: str) -> Rule:
    return Rule(takes=True, pattern=pattern)


def minus(pattern: str) -> Rule:
    return Rule(takes=False, pattern=pattern)


def taken(filters: Filters, *names: str) -> list[str]:
    return [name for name in names if filters.takes(name, size=1, modified=WHEN)]


def ruled(*rules: str) -> Filters:
    return Filters(rules=parse_rules(rules=rules)).checked()


def test_without_filters_everything_is_taken_and_entered() -> None:
    assert EVERYTHING.takes("a/b.jpg", size=0, modified=None)
    assert EVERYTHING.enters("a")


def test_the_first_rule_that_matches_decides() -> None:
    assert taken(ruled("+ a.jpg", "- *.jpg"), "a.jpg", "b.jpg", "c.png") == ["a.jpg", "c.png"]
    assert taken(ruled("- *.jpg", "+ a.jpg"), "a.jpg", "b.jpg", "c.png") == ["c.png"]


def test_an_include_leaves_out_what_nothing_took() -> None:
    filters = Filters(rules=parse_rules(include=["*.jpg"], rules=["+ b.png"]))
    assert taken(filters, "a.jpg", "b.png", "c.png") == ["a.jpg", "b.png"]


def test_kinds_of_rules_are_asked_in_rclones_order_whatever_was_typed_first() -> None:
    rules = parse_rules(rules=["- c"], exclude=["b"], include=["a"])
    assert [str(rule) for rule in rules] == ["+ a", "- b", "- c", "- /**"]


def test_an_exclamation_mark_drops_the_rules_before_it() -> None:
    assert taken(ruled("- *", "!", "- *.png"), "a.jpg", "b.png") == ["a.jpg"]


def test_a_folder_that_is_left_out_is_left_out_with_all_below_it() -> None:
    filters = ruled("- raw/")
    assert taken(filters, "raw", "raw/a", "deep/raw/b/c", "raw.txt") == ["raw", "raw.txt"]
    assert not filters.enters("deep/raw")
    assert not filters.enters("deep/raw/b")


def test_a_folder_that_no_rule_reaches_is_not_entered() -> None:
    filters = Filters(rules=parse_rules(include=["/2023/**/*.jpg"]))
    assert [folder for folder in ("2023", "2023/05", "2024", "x/2023") if filters.enters(folder)] == ["2023", "2023/05"]


def test_a_file_in_a_folder_that_is_not_entered_is_not_taken_as_on_rclones_disk() -> None:
    filters = ruled("+ a/*.jpg", "- *")
    assert taken(filters, "a/1.jpg", "x/a/1.jpg") == ["a/1.jpg"]


def test_case_is_ignored_on_request() -> None:
    assert taken(Filters(rules=(minus("*.JPG"),), ignore_case=True), "a.jpg", "b.png") == ["b.png"]
    assert taken(Filters(rules=(minus("*.JPG"),)), "a.jpg", "b.png") == ["a.jpg", "b.png"]


def test_bounds_of_size_and_time_are_inclusive() -> None:
    filters = Filters(min_size=10, max_size=20, not_before=WHEN, not_after=WHEN)
    assert [size for size in (9, 10, 20, 21) if filters.takes("a", size=size, modified=WHEN)] == [10, 20]
    assert filters.takes("a", size=10, modified=None)
    assert not filters.takes("a", size=10, modified=WHEN.replace(month=6))
    assert not filters.takes("a", size=10, modified=WHEN.replace(month=4))


def test_a_list_of_files_takes_these_alone_and_enters_only_their_folders(tmp_path) -> None:
    listed = tmp_path / "files"
    listed.write_text("# remark\n\n /a/b/c.jpg\nd.jpg  \n; remark\n")
    filters = Filters(files=parse_files([str(listed)])).checked()
    assert taken(filters, "a/b/c.jpg", "d.jpg", "a/b", "e.jpg") == ["a/b/c.jpg", "d.jpg"]
    assert [folder for folder in ("", "a", "a/b", "a/c") if filters.enters(folder)] == ["", "a", "a/b"]


def test_rules_are_read_from_files_with_remarks_and_blanks(tmp_path) -> None:
    file = tmp_path / "rules"
    file.write_bytes("\ufeff# remark\r\n  + *.jpg \r\n\r\n; remark\r\n- *\r\n".encode())
    assert parse_rules(filter_from=[str(file)]) == (plus("*.jpg"), minus("*"))


def test_a_hyphen_reads_standard_input(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("*.jpg\n"))
    assert parse_rules(exclude_from=["-"]) == (minus("*.jpg"),)


@pytest.mark.parametrize("text", ["*.jpg", "+*.jpg", "+ ", "-", "", "!!", "* a"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="filter rule"):
        parse_rule(text)


def test_a_bad_line_is_named_with_its_file_and_number(tmp_path) -> None:
    file = tmp_path / "rules"
    file.write_text("# remark\n+ a\n+ b[\n")
    with pytest.raises(ConfigError, match=r"rules, line 3: bad pattern 'b\['"):
        parse_rules(filter_from=[str(file)])


@pytest.mark.parametrize("content", ["", "\n\n", "# only\n; remarks\n"])
def test_an_empty_file_is_refused(tmp_path, content: str) -> None:
    file = tmp_path / "rules"
    file.write_text(content)
    with pytest.raises(ConfigError, match="rules is empty"):
        parse_rules(include_from=[str(file)])
    with pytest.raises(ConfigError, match="rules is empty"):
        parse_files([str(file)])


def test_a_file_that_is_no_text_is_refused(tmp_path) -> None:
    file = tmp_path / "rules"
    file.write_bytes(b"a\xff")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        parse_rules(include_from=[str(file)])


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(ConfigError, match="empty"):
        parse_rules(include=[""])


def test_rules_that_all_were_dropped_are_refused() -> None:
    with pytest.raises(ConfigError, match="filter is empty"):
        parse_rules(rules=["- *", "!"])


@pytest.mark.parametrize(
    "filters",
    [
        Filters(min_size=2, max_size=1),
        Filters(not_after=WHEN, not_before=WHEN.replace(month=6)),
        Filters(files=frozenset()),
        Filters(rules=(minus("**"),)),
        Filters(rules=(plus("a/"), minus("*"), plus("*"))),
    ],
)
def test_filters_that_nothing_passes_are_refused(filters: Filters) -> None:
    with pytest.raises(ConfigError, match="no file passes"):
        filters.checked()


def test_a_folder_that_was_meant_with_its_files_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"written /dir/\*\*"):
        Filters(rules=parse_rules(include=["/dir/"])).checked()


def test_parts_are_those_of_rclones_documentation() -> None:
    names = [f"file{number}.jpg" for number in range(1, 10)]
    parts = [taken(Filters(part=parse_part(f"{number}/4")), *names) for number in range(5)]
    assert parts == [
        ["file1.jpg", "file5.jpg"],
        ["file3.jpg", "file6.jpg", "file9.jpg"],
        ["file2.jpg", "file4.jpg"],
        ["file7.jpg", "file8.jpg"],
        ["file1.jpg", "file5.jpg"],
    ]


def test_a_part_by_chance_is_one_of_them() -> None:
    number, of = parse_part("@/3")
    assert of == 3
    assert 0 <= number < 3


@pytest.mark.parametrize("text", ["", "1", "1/0", "a/2", "-1/2", "1/2/3", "@/", "/3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="K/N"):
        parse_part(text)


def test_filters_travel_by_pickle_and_json_and_answer_the_same() -> None:
    filters = Filters(rules=parse_rules(include=["*.jpg"], exclude=["a/"]), min_size=1, not_after=WHEN, part=(0, 1))
    assert taken(filters, "b/1.jpg", "b/1.png") == ["b/1.jpg"]
    for again in (
        pickle.loads(pickle.dumps(filters)),
        msgspec.json.decode(msgspec.json.encode(filters), type=Filters),
    ):
        assert again == filters
        assert taken(again, "b/1.jpg", "b/1.png") == ["b/1.jpg"]
        assert again.enters("b")
