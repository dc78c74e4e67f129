"""rclone's patterns, one by one. What takes what in whole trees, tests/interop/test_rclone_filters.py asks rclone."""

from __future__ import annotations

import re

import pytest

from ap_remote.errors import ConfigError
from ap_remote.transfer import re2
from ap_remote.transfer.patterns import compiled, expression, folder_globs


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("potato", "(^|/)potato$"),
        ("/potato", "^potato$"),
        ("potato?sausage", "(^|/)potato[^/]sausage$"),
        ("*.jpg", r"(^|/)[^/]*\.jpg$"),
        ("a{b,c,d}e", "(^|/)a(b|c|d)e$"),
        ("a{b,{c,d}}e", "(^|/)a(b|(c|d))e$"),
        ("potato,sausage", "(^|/)potato,sausage$"),
        ("potato**sausage", "(^|/)potato.*sausage$"),
        (r"[\[\]]", r"(^|/)[\[\]]$"),
        (r"a\*b", r"(^|/)a\*b$"),
        ("{{jpe?g}}", "(^|/)(jpe?g)$"),
        ("{{a{2}}}", "(^|/)(a{2})$"),
    ],
)
def test_a_glob_is_an_expression(glob: str, text: str) -> None:
    assert expression(glob) == text


@pytest.mark.parametrize(
    ("glob", "folders"),
    [
        ("*.jpg", ("/**",)),
        ("/*.jpg", ()),
        ("/a/b/*.jpg", ("/a/b/", "/a/")),
        ("/a///*.jpg", ("/a/",)),
        ("a/b", ("a/",)),
        ("**", ("**/",)),
        ("a**b/c**d", ("a**b/c**/", "a**b/", "a**/")),
        ("/a/{jpg,png}/*.x", ("/a/{jpg,png}/", "/a/")),
        ("a/{a,a**c}/d/", ("/**",)),
        ("/{{a/b}}", ("/**",)),
        ("{a,{b,c}}/d", ("/**",)),
    ],
)
def test_a_glob_tells_which_folders_it_reaches_into(glob: str, folders: tuple[str, ...]) -> None:
    assert folder_globs(glob) == folders


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("***", "more than two stars"),
        ("ab]c", "']' without"),
        ("ab[c", "'[' without"),
        ("ab}c", "'}' without"),
        ("ab{c", "'{' without"),
        ("{{ab}", "'{{' without"),
        ("ab\\", "backslash at the end"),
        ("[a--b]", "bad character range"),
        ("{{(a}}", "'(' without"),
        ("{{a)}}", "')' without"),
        ("{{a**}}", "repetition of a repetition"),
        ("{{*a}}", "nothing to repeat"),
        ("{{a{99999999999}}}", "repetition number is too large"),
        ("{{(?=a)}}", "'(?=' is not known"),
        ("{{(?U)a*}}", "the flag 'U'"),
        ("{{(?)}}", "sets no flag"),
        (r"{{\p{Greek}}}", r"is not known"),
        (r"{{(a)\1}}", "is not known"),
        (r"{{\x{110000}}}", "no character"),
        ("[[:nothing:]]", "no class"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(glob: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(glob)
    assert repr(glob) in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found", "not_found"),
    [
        (r"^\d$", "7", "٣"),
        (r"^\D$", "٣", "7"),
        (r"^[\d_]$", "_", "٣"),
        (r"^[\D]$", "٣", "7"),
        (r"^[^\D]$", "7", "x"),
        (r"^\w\W$", "aé", "éa"),
        (r"^[\W]$", "é", "_"),
        (r"^\s\S$", "\t\v", "\v\t"),
        (r"^[\S]$", "\v", "\f"),
        (r"^[[:^punct:]]$", "a", "!"),
        (r"^[[:^alpha:]]$", "é", "a"),
        (r"^[[:word:]-]$", "-", "+"),
        (r"^[]a]$", "]", "b"),
        (r"^[^]a]$", "b", "]"),
        (r"^[a-]$", "-", "b"),
        (r"^[\n-\r]$", "\v", "\t"),
        (r"^a$", "a", "a\n"),
        (r"(?m)^a$", "b\na\nc", "ba"),
        (r"^(?m:b)$", "b", "b\n"),
        (r"^x(?i)a|b$", "B", "Xa"),
        (r"^(x(?i)a|b)c$", "xAc", "xaC"),
        (r"^(?i:a)b$", "Ab", "AB"),
        (r"^(?i)a(?-i)b$", "Ab", "AB"),
        (r"^(?P<n>a)(?<n>b)$", "ab", "a"),
        (r"^\Qa.b\E.$", "a.bc", "axbc"),
        (r"^\Qa.b", "a.b", "axb"),
        (r"\Aa\z", "a", "a\n"),
        (r"^.\b.$", "a-", "ab"),
        (r"^a{,2}$", "a{,2}", "aa"),
        (r"^a{2,3}?$", "aa", "a"),
        (r"^\x41\x{1F600}\101$", "A😀A", "A"),
        (r"^\a\f\t\v$", "\a\f\t\v", "a"),
        (r"^a b#c$", "a b#c", "ab"),
    ],
)
def test_re2s_syntax_means_what_it_means_to_re2(text: str, found: str, not_found: str) -> None:
    pattern = re.compile(re2.python(text))
    assert pattern.search(found)
    assert not pattern.search(not_found)


@pytest.mark.parametrize("name", ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print"])
@pytest.mark.parametrize("more", ["punct", "space", "upper", "word", "xdigit"])
def test_a_class_and_its_negation_share_no_character_and_leave_none_out(name: str, more: str) -> None:
    characters = [chr(code) for code in [*range(0x180), 0x663, 0xFFFF, 0x10FFFF]]
    for each in (name, more):
        inside = re.compile(re2.python(f"^[[:{each}:]]$"))
        outside = re.compile(re2.python(f"^[[:^{each}:]]$"))
        assert all(bool(inside.search(char)) != bool(outside.search(char)) for char in characters if char != "\n")


def test_a_line_break_in_a_name_is_a_character_as_any_other() -> None:
    assert compiled("**").search("a\nb")
    assert compiled("a*b").search("a\nb")
    assert not compiled("a").search("a\n")
