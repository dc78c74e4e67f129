"""The methods of the seed client, over a remote in memory and over the local service; its bugs, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote import AmazonPhotos
from ap_remote.backends.memory import MemoryRemote
from ap_remote.connect import connect
from ap_remote.errors import LimitError, NotFoundError, QuerySyntaxError
from ap_remote.model import Entry, Kind, NodeId
from ap_remote.remote.tree import draw, folder_tree
from tests.contracts.pictures import jpeg


@pytest.fixture(params=["memory:", "local:"])
def client(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AmazonPhotos]:
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AP_CONFIG", str(tmp_path / "none.toml"))
    remote = MemoryRemote() if request.param == "memory:" else connect("local:")
    with AmazonPhotos(remote=remote) as opened:
        yield opened


@pytest.fixture
def trip(tmp_path: Path) -> Path:
    """Five photographs in two folders, and an empty folder."""
    top = tmp_path / "trip"
    for number, name in enumerate(["0.jpg", "1.jpg", "inner/2.jpg", "inner/3 it's.jpg", "inner/a AND b.jpg"]):
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(color=(number * 40, 10, 10)))
    (top / "nothing" / "below").mkdir(parents=True)
    (top / "@eaDir" / "junk").mkdir(parents=True)
    return top


@pytest.fixture
def full(client: AmazonPhotos, trip: Path) -> AmazonPhotos:
    report = client.upload(trip)
    assert len(report.select("done")) == 5
    return client


def test_every_method_of_the_seed_is_there() -> None:
    seed = (
        "usage query photos videos upload download trashed trash restore delete aggregations favorite unfavorite hide"
        " unhide dedup_files refresh_db_aggressive root folders tree"
        " create_album rename_album add_to_album remove_from_album rename_cluster combine_clusters"
        " update_cluster_thumbnail add_to_family_vault remove_from_family_vault get_root get_folders find_path"
        " build_tree print_tree create_folders refresh_db load_db nodes nodes_by_name db"
    )
    assert [each for each in seed.split() if not hasattr(AmazonPhotos, each)] == []


def test_a_query_gives_each_row_once_and_no_more_than_asked(full: AmazonPhotos) -> None:
    """Bug 6: the first page came twice, and ``limit`` bounded the offset."""
    everything = full.query()
    assert len(everything) == everything["id"].nunique() == 5
    assert list(full.query(limit=2)["id"]) == list(everything["id"][:2])
    assert list(full.query(offset=1, limit=2)["id"]) == list(everything["id"][1:3])
    assert list(full.query(offset=4, limit=9)["id"]) == list(everything["id"][4:])
    assert full.query(offset=9).empty
    assert len(full.photos(limit=3)) == 3
    assert full.videos().empty


def test_marks_are_set_and_cleared_by_ids(full: AmazonPhotos) -> None:
    """Bug 5: all four methods raised TypeError, always."""
    ids = full.photos()["id"]
    assert [entry.favorite for entry in full.favorite(ids)] == [True] * 5
    assert [entry.favorite for entry in full.unfavorite(list(ids))] == [False] * 5
    assert [entry.hidden for entry in full.hide(ids[:2])] == [True, True]
    assert len(full.photos()) == 3
    assert [entry.hidden for entry in full.unhide(ids[:2])] == [False, False]
    assert len(full.photos()) == 5


def test_the_trash_beyond_its_first_page_is_the_trash(client: AmazonPhotos, tmp_path: Path) -> None:
    """Bug 7: page two came from the nodes, without the filter. Bug 13: restore was not batched."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(230):
        (many / f"{number:03}.txt").write_text(str(number), "utf-8")
    client.upload(many)
    (folder,) = [each for each in client.get_folders() if each.name == "many"]
    files = client.ls("many")
    assert len(files) == 230
    client.trash(files["id"])
    trashed = client.trashed()
    assert set(trashed["id"]) == set(files["id"])
    assert folder.id not in set(trashed["id"])
    assert len(client.trashed(limit=201)) == 201
    assert len(client.trashed(offset=220)) == 10
    assert list(client.trashed("name:007*")["name"]) == ["007.txt"]
    assert client.ls("many").empty
    outcomes = client.restore(files["id"])
    assert [row.error for row in outcomes] == [None] * 230
    assert len(client.ls("many")) == 230


def test_nodes_are_filtered_sorted_and_counted(full: AmazonPhotos) -> None:
    """Bug 8: without V2, ``limit`` twice meant, the sort list written as Python writes it."""
    files = full.nodes(["kind:FILE"], ["name DESC"])
    assert list(files["name"]) == ["a AND b.jpg", "3 it's.jpg", "2.jpg", "1.jpg", "0.jpg"]
    assert list(full.nodes(["kind:FILE"], ["name ASC"], limit=2, offset=1)["name"]) == ["1.jpg", "2.jpg"]
    assert len(full.nodes(limit=3)) == 3
    (inner,) = full.nodes(["kind:FOLDER", "name:inner"])["id"]
    assert len(full.nodes([f"parents:{inner}", "contentProperties.contentType:image*"])) == 3
    full.create_album("Rome")
    assert list(full.nodes(["kind:VISUAL_COLLECTION"])["name"]) == ["Rome"]
    assert list(full.nodes(["isRoot:true"])["id"]) == [full.get_root().id]
    both = full.nodes(["kind:FILE"], ["kind ASC", "contentProperties.size DESC", "name ASC"])
    assert list(both["size"]) == sorted(both["size"], reverse=True)
    full.trash(files["id"][:1])
    assert len(full.nodes(["kind:FILE"])) == 4
    assert list(full.nodes(["status:TRASH"])["id"]) == list(files["id"][:1])
    with pytest.raises(LimitError, match="people"):
        full.nodes(sort=["people ASC"])
    with pytest.raises(QuerySyntaxError):
        full.nodes(["kind:(FILE"])


def test_nodes_by_name_take_names_as_they_are(full: AmazonPhotos) -> None:
    assert set(full.nodes_by_name(["0.JPG", "3 it's.jpg", "a AND b.jpg", "*", ""])["name"]) == {
        "0.jpg",
        "3 it's.jpg",
        "a AND b.jpg",
    }
    assert len(full.nodes_by_name("inner")) == 1
    assert full.nodes_by_name([]).empty


def test_an_upload_brings_empty_folders_but_no_junk(full: AmazonPhotos) -> None:
    assert {each.path for each in full.get_folders() if each.path.startswith("trip")} == {
        "trip",
        "trip/inner",
        "trip/nothing",
        "trip/nothing/below",
    }


def test_folders_are_made_as_they_are_here(client: AmazonPhotos, trip: Path) -> None:
    made, folders = client.create_folders(trip, "Backup")
    assert [each["id"] for each in folders] == [each["id"] for each in made.values()]
    assert list(made) == [
        "Backup/trip",
        "Backup/trip/inner",
        "Backup/trip/nothing",
        "Backup/trip/nothing/below",
    ]
    assert {path: entry.id for path, entry in client.create_folders(trip, "Backup")[0].items()} == {
        path: entry.id for path, entry in made.items()
    }
    assert client.create_folders(f"{trip}/", "") == client.create_folders(f"{trip}/", "")
    assert client.find_path("inner") is not None
    assert client.create_folders(trip / "0.jpg") == ({}, [])


def test_paths_are_found_or_not(full: AmazonPhotos) -> None:
    found = full.find_path("trip/inner")
    assert found is not None
    assert (found.kind, found.path) == (Kind.FOLDER, "trip/inner")
    assert full.find_path("trip/none/at/all") is None


def test_the_tree_is_built_and_drawn(full: AmazonPhotos, capsys: pytest.CaptureFixture[str]) -> None:
    tree = full.build_tree()
    (trip,) = [each for each in tree["children"] if each["name"] == "trip"]
    assert [each["name"] for each in trip["children"]] == ["inner", "nothing"]
    full.print_tree(trip, show_id=False)
    assert capsys.readouterr().out == "trip\n├── inner\n└── nothing\n    └── below\n"
    full.print_tree()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("~")
    assert any(trip["id"] in line for line in lines)


def test_the_library_is_loaded_and_refreshed(full: AmazonPhotos, trip: Path) -> None:
    assert set(full.refresh_db()["name"]) == set(full.load_db()["name"]) == {each.name for each in trip.rglob("*.jpg")}
    assert len(full.db) == 5


def test_all_nine_categories_are_counted(full: AmazonPhotos) -> None:
    assert len(full.aggregations("all")) == 9
    assert [(each["value"], each["count"]) for each in full.aggregations("type")] == [("PHOTOS", 5)]


def test_albums_hold_series_and_keep_more_than_two_hundred(client: AmazonPhotos, tmp_path: Path) -> None:
    """Bug 23: members beyond the first page were missed."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(210):
        (many / f"{number}.txt").write_text(str(number), "utf-8")
    client.upload(many)
    ids = client.ls("many")["id"]
    album = client.create_album("Rome", ids)
    assert len(client.ls(".views/albums/Rome")) == 210
    client.remove_from_album(album.id, ids[:205])
    assert len(client.ls(".views/albums/Rome")) == 5


def test_people_are_named_joined_and_shown() -> None:
    remote = MemoryRemote()
    ids = [remote.seed(f"{name}.jpg", jpeg(color=name), people=(name,)) for name in ("red", "blue", "green")]
    with AmazonPhotos(remote=remote) as client:
        client.rename_cluster("red", "Ada")
        client.combine_clusters(["red", "blue"], "Bea")
        client.update_cluster_thumbnail("red", ids[1])
        facets = client.aggregations("allPeople")
        assert [(each.value, each.label, each.count) for each in facets] == [("red", "Bea", 2), ("green", None, 1)]
        with pytest.raises(NotFoundError):
            client.rename_cluster("blue", "Eve")


def test_the_family_vault_takes_ids() -> None:
    remote = MemoryRemote()
    ids = [remote.seed(f"{name}.jpg", jpeg(color=name)) for name in ("red", "blue")]
    with AmazonPhotos(remote=remote) as client:
        client.add_to_family_vault("F1", ids[:1])
        client.add_to_family_vault(None, client.photos()["id"])
        client.remove_from_family_vault("F1", ids[0])
    assert [remote._targets.node(NodeId(each)).family_id for each in ids] == [None, "F1"]


def test_a_tree_forgives_what_is_missing_and_changes_nothing() -> None:
    """Bug 10, as far as it is ours: it added the root to what it was given, and knew one parent alone."""
    rows = [
        Entry(path="b/c/d", name="d", id="4", kind=Kind.FOLDER, parents=("3",)),
        Entry(path="b", name="b", id="2", kind=Kind.FOLDER, parents=("1",)),
        Entry(path="gone/e", name="e", id="5", kind=Kind.FOLDER, parents=("9",)),
        Entry(path="b/c", name="c", id="3", kind=Kind.FOLDER, parents=("2",)),
        Entry(path="c", name="c", id="3", kind=Kind.FOLDER, parents=("2", "1")),
    ]
    before = list(rows)
    assert list(draw(folder_tree(rows), show_id=False)) == [
        "~",
        "├── b",
        "│   └── c",
        "│       └── d",
        "├── c",
        "└── e",
    ]
    assert rows == before


def test_a_tree_may_be_deep_and_its_names_hostile() -> None:
    path, rows = "", []
    for depth in range(3000):
        path = f"{path}/x" if path else "x"
        rows.append(Entry(path=path, name="x\x1b[2J\n", id=str(depth), kind=Kind.FOLDER))
    lines = list(draw(folder_tree(rows)))
    assert len(lines) == 3001
    assert all("\x1b" not in line and "\n" not in line for line in lines)
