from __future__ import annotations

from html.parser import HTMLParser

from ap_remote.model import Entry, Kind
from ap_remote.notebook import TreeView


def _folder(path, id_=""):
    return Entry(path=path, name=path.rpartition("/")[2], id=id_ or f"id-{path}", kind=Kind.FOLDER)


_FOLDERS = [
    _folder("", "root"),
    _folder("Pictures/Web/bar"),
    _folder("Documents"),
    _folder("Pictures"),
    _folder("Pictures/Web"),
    _folder("Pictures/Web/foo"),
]


class _Nesting(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open, self.names, self.tags = [], {}, set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] == "bdi":
            self.names[data] = self.open.count("ul")


def test_a_tree_prints_as_the_old_client_drew_it():
    assert str(TreeView.of(_FOLDERS, show_id=False)).splitlines() == [
        "~",
        "├── Documents",
        "└── Pictures",
        "    └── Web",
        "        ├── bar",
        "        └── foo",
    ]
    assert repr(TreeView.of(_FOLDERS)).splitlines()[0] == "~  root"


def test_a_tree_unfolds_in_html_with_each_folder_at_its_depth():
    page = _Nesting(TreeView.of(_FOLDERS)._repr_html_())

    assert page.open == []
    assert page.names == {"~": 0, "Documents": 1, "Pictures": 1, "Web": 2, "bar": 3, "foo": 3}


def test_ids_are_shown_on_request():
    assert "id-Documents" in TreeView.of(_FOLDERS)._repr_html_()
    assert "id-Documents" not in TreeView.of(_FOLDERS, show_id=False)._repr_html_()


def test_no_folder_breaks_out_of_its_place():
    page = _Nesting(TreeView.of([_folder("<img src=x onerror=y>&amp;\u202e")], show_id=False)._repr_html_())

    assert page.tags <= {"style", "div", "details", "summary", "ul", "li", "bdi", "code"}
    assert "<img src=x onerror=y>&amp;\N{REPLACEMENT CHARACTER}" in page.names


def test_a_tree_of_a_thousand_levels_is_no_trouble():
    deep = [_folder("/".join(["d"] * level)) for level in range(1, 1001)]

    assert TreeView.of(deep)._repr_html_().count("<li>") == 1000
