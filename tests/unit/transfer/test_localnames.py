from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ap_remote.transfer.localnames import distinct, local_name


@given(st.text(min_size=1, max_size=300))
def test_any_name_is_one_component_inside_its_folder(name: str) -> None:
    shown = local_name(name)
    assert len(shown.encode()) <= 255
    assert "/" not in shown
    assert "\0" not in shown
    assert shown not in {"", ".", ".."}
    assert Path("/target", shown).parent == Path("/target")


@given(st.lists(st.sampled_from(["a.jpg", "A.jpg", "a (1).jpg", ".b", "c"]), max_size=12))
def test_names_of_one_folder_never_collide(names: list[str]) -> None:
    taken: set[str] = set()
    made = [distinct(name, taken) for name in names]
    assert len({name.casefold() for name in made}) == len(names)


def test_plain_names_stay() -> None:
    for name in ("a b.jpg", "é 🎉.png", ".hidden", "100%.txt", "a:b"):
        assert local_name(name, windows=False) == name


def test_windows_gets_twins() -> None:
    assert local_name("a:b?.jpg", windows=True) == "a\uff1ab\uff1f.jpg"
