"""What the methods return: dictionaries in Amazon's words with our attributes, and ids taken in every form."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote import AmazonPhotos
from ap_remote.backends.memory import MemoryRemote
from ap_remote.client import GoneWarning, Node
from ap_remote.client.ids import ids_of
from ap_remote.errors import BatchError, ConfigError, IntegrityError, LimitError, NotFoundError, NotInTrashError
from ap_remote.model import Entry, Kind, NodeId
from tests.contracts.pictures import SPRING_2023, jpeg
from tests.lazily import Lazily

pd = Lazily("pandas")

IDS = st.lists(st.text("abcXYZ_-019", min_size=1, max_size=22), max_size=8)


@pytest.fixture
def remote() -> MemoryRemote:
    found = MemoryRemote()
    for number in range(4):
        data = jpeg(color=(number * 60, 10, 10), taken=SPRING_2023, make="Nikon")
        found.seed(f"Pictures/{number % 2}/IMG.jpg" if number < 2 else f"Pictures/{number}.jpg", data)
    return found


@pytest.fixture
def client(remote: MemoryRemote) -> Iterator[AmazonPhotos]:
    with AmazonPhotos(remote=remote) as opened:
        yield opened


# -- ids ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(IDS)
def test_every_form_names_the_same_ids(ids: list[str]) -> None:
    once = list(dict.fromkeys(ids))
    frame = pd.DataFrame({"id": ids, "name": ids})
    arrow = frame.convert_dtypes(dtype_backend="pyarrow")
    nodes = [Node(Entry(path="x", name="x", id=each, kind=Kind.FILE)) for each in ids]
    forms = [ids, tuple(ids), iter(ids), frame, frame["id"], frame.id.to_numpy(), arrow, arrow["id"], nodes]
    forms += [[NodeId(each) for each in ids], [each.entry for each in nodes], pd.Index(ids)]
    assert [ids_of(each) for each in forms] == [once] * len(forms)


def test_one_of_a_kind_is_one_id() -> None:
    entry = Entry(path="x", name="x", id="ABC", kind=Kind.FILE)
    assert [ids_of(each) for each in ("ABC", NodeId("ABC"), entry, Node(entry), {"id": "ABC"})] == [["ABC"]] * 5


@pytest.mark.parametrize(
    "wrong", [None, 7, b"ABC", [None], ["A", float("nan")], [pd.NA], [""], "", {"name": "x"}, pd.DataFrame({"a": [1]})]
)
def test_what_is_no_id_is_refused_before_anything_is_asked(wrong: object) -> None:
    with pytest.raises(LimitError):
        ids_of(wrong)


# -- nodes and counts --------------------------------------------------------------------------------------------------


def test_a_node_answers_as_the_dictionary_and_as_our_entry(client: AmazonPhotos) -> None:
    (node,) = client.favorite(client.photos().id[:1])
    assert node["settings"] == {"favorite": True, "hidden": False}
    assert node["contentProperties"]["md5"] == node.md5
    assert node["contentProperties"]["contentDate"] == "2023-04-05T06:07:08.000Z"
    assert node["contentProperties"]["image"]["make"] == "Nikon"
    assert (node["kind"], node["status"], node["name"]) == ("FILE", "AVAILABLE", node.name)
    assert json.loads(json.dumps(node)) == node
    assert pickle.loads(pickle.dumps(node)).entry == copy.copy(node).entry == node.entry
    with pytest.raises(AttributeError):
        node.colour  # noqa: B018 - asking is the test
    album = client.create_album("Rome", client.photos())
    assert (album["kind"], album["name"], album["id"]) == ("VISUAL_COLLECTION", "Rome", album.id)
    assert client.add_to_album(album["id"], client.photos().id)["id"] == album["id"]
    assert client.remove_from_album(album["id"], client.photos().id)["id"] == album["id"]
    assert client.rename_album(album["id"], "Roma")["name"] == "Roma"
    assert client.get_root()["isRoot"] is True


def test_counts_are_a_dictionary_of_lists_or_a_list_and_files_if_asked_for(
    client: AmazonPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bugs 17 and 31: files nobody had asked for, and a directory of a file's name."""
    monkeypatch.chdir(tmp_path)
    everything = client.aggregations("all")
    assert isinstance(everything, dict)
    (year,) = everything["time"]
    assert (year["match"], year["value"], year["count"], year.count) == ("2023", "2023", 4, 4)
    assert client.aggregations("time") == [year]
    assert [*tmp_path.iterdir()] == []
    client.aggregations("all", out="aggregations")
    client.aggregations("things", out="one/deep")
    kept = {each.stem: json.loads(each.read_bytes()) for each in (tmp_path / "aggregations").iterdir()}
    assert kept == everything
    assert [each.name for each in (tmp_path / "one" / "deep").iterdir()] == ["things.json"]


def test_people_are_answered_as_clusters(remote: MemoryRemote, client: AmazonPhotos) -> None:
    first, second = list(client.photos().id)[:2]
    remote.plant(first, people=("P1",))
    remote.plant(second, people=("P2",))
    assert client.rename_cluster("P1", "Ada")["clusterName"] == "Ada"
    assert client.update_cluster_thumbnail("P2", second)["nodeId"] == second
    joined = client.combine_clusters(["P1", "P2"], "Ada")
    assert (joined["clusterName"], joined["count"]) == ("Ada", 2)
    assert client.aggregations("allPeople")[0]["searchData"]["clusterName"] == "Ada"
    assert client.add_to_family_vault("F", [first]) == {"familyId": "F", "nodeIds": [first]}


def test_usage_has_the_documented_columns(client: AmazonPhotos, remote: MemoryRemote) -> None:
    remote.seed("a.txt", b"text")
    frame = client.usage()
    assert [*frame.columns] == ["type", "billable_bytes", "billable_count", "total_bytes", "total_count"]
    assert [*frame["type"]] == ["photo", "video", "doc", "other"]
    rows = frame.set_index("type")
    assert (rows.loc["photo", "billable_count"], rows.loc["photo", "total_count"]) == (0, 4)
    assert (rows.loc["doc", "billable_bytes"], rows.loc["doc", "total_bytes"]) == (4, 4)


def test_nodes_are_shown_as_thumbnails(client: AmazonPhotos) -> None:
    frame = client.photos()
    shown = client.show(frame)
    assert [each.id for each in shown] == list(frame.id)
    assert shown._repr_html_().count("data:image/") == 4
    assert len(client.show(frame.id, limit=2)) == len(client.show(list(frame.id[:2]))) == 2
    with pytest.raises(NotFoundError):
        client.show("nothing")


# -- the trash ---------------------------------------------------------------------------------------------------------


def test_of_several_ids_those_that_are_gone_are_told_and_the_others_done(client: AmazonPhotos) -> None:
    ids = list(client.photos().id)
    client.trash(ids[:2])
    client.delete(ids[:1])
    with pytest.warns(GoneWarning, match="1 ids"):
        outcomes = client.restore(ids[:2])
    assert [each.error is None for each in outcomes] == [False, True]
    with pytest.warns(GoneWarning):
        (alone,) = client.restore(ids[:1])
    assert alone.error
    with pytest.warns(GoneWarning):
        client.trash(pd.Series(ids[:2]))
    with pytest.raises(NotFoundError):
        client.trash(ids[0])


def test_what_exists_and_was_not_done_is_an_error(client: AmazonPhotos) -> None:
    ids = list(client.photos().id)
    client.trash(ids[0])
    with pytest.raises(BatchError):
        client.delete(ids[:2])
    with pytest.raises(NotInTrashError):
        client.restore([ids[2]])
    assert client.trash([]) == client.restore(()) == client.delete(pd.Series([], dtype=object)) == []


def test_trash_with_filters_takes_only_what_matches(client: AmazonPhotos) -> None:
    client.trash(client.photos().id, filters="name:2*")
    assert list(client.trashed()["name"]) == ["2.jpg"]
    client.trash(client.photos().id, filters="name:nothing")
    assert len(client.trashed()) == 1


def test_the_trash_is_sorted_as_the_seed_wrote_it(client: AmazonPhotos) -> None:
    client.trash(client.photos().id)
    names = sorted(client.trashed()["name"])
    assert list(client.trashed(sort="['name ASC']")["name"]) == names
    assert list(client.trashed(sort=["name DESC"])["name"]) == names[::-1]
    assert len(client.trashed(sort="['modifiedDate DESC']", limit=2)) == 2


# -- transfers ---------------------------------------------------------------------------------------------------------


def test_downloads_are_named_as_the_seed_named_them_or_otherwise(client: AmazonPhotos, tmp_path: Path) -> None:
    frame = client.photos()
    found = client.download(frame.id, tmp_path / "media")
    assert [*found] == ["timestamp", "nodes"]
    assert found["nodes"] == list(frame.id)
    assert isinstance(found["timestamp"], int)
    assert {each.name for each in (tmp_path / "media").iterdir()} == {
        f"{row.id}_{row['name']}" for _, row in frame.iterrows()
    }
    again = client.download(frame, tmp_path / "media")
    assert {row.result for row in again.report.rows} == {"skipped"}
    client.download(frame, tmp_path / "tree", naming="path")
    assert (tmp_path / "tree" / "Pictures" / "0" / "IMG.jpg").exists()
    assert (tmp_path / "tree" / "Pictures" / "1" / "IMG.jpg").exists()
    client.download(frame[frame["name"] == "2.jpg"], tmp_path / "plain", naming="name")
    assert [each.name for each in (tmp_path / "plain").iterdir()] == ["2.jpg"]
    with pytest.raises(ConfigError, match="naming"):
        client.download(frame, tmp_path, naming="md5")  # type: ignore[arg-type]  # what a user may write


def test_a_download_that_failed_is_an_error_and_leaves_no_half_file(
    remote: MemoryRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bug 15: errors were told to the log alone, and a half file stood under its name."""
    with AmazonPhotos(remote=remote) as client:
        ids = list(client.photos().id)
        whole = remote.get

        async def broken(target, *, span=None):
            async for piece in whole(target, span=span):
                yield piece[:10]
                if target == NodeId(ids[1]):
                    raise IntegrityError("md5 differs")
                yield piece[10:]

        monkeypatch.setattr(remote, "get", broken)
        with pytest.raises(BatchError, match="1 of 4") as caught:
            client.download(ids, tmp_path)
    assert sorted(row.result for row in caught.value.outcomes) == ["done", "done", "done", "failed"]
    assert len([*tmp_path.iterdir()]) == 3


def test_a_download_never_replaces_another_file_unasked(client: AmazonPhotos, tmp_path: Path) -> None:
    (node_id,) = client.nodes_by_name("2.jpg").id
    mine = tmp_path / f"{node_id}_2.jpg"
    mine.write_bytes(b"mine")
    with pytest.raises(BatchError, match="other content"):
        client.download(node_id, tmp_path)
    assert mine.read_bytes() == b"mine"
    client.download(node_id, tmp_path, overwrite=True)
    assert mine.read_bytes() != b"mine"


def test_of_several_downloads_those_that_are_gone_are_told(client: AmazonPhotos, tmp_path: Path) -> None:
    ids = list(client.photos().id)
    client.trash(ids[0])
    client.delete(ids[0])
    with pytest.warns(GoneWarning, match=ids[0]):
        found = client.download(ids, tmp_path)
    assert (found.missing, found["nodes"]) == (ids[:1], ids[1:])
    with pytest.raises(NotFoundError):
        client.download(ids[0], tmp_path)


def test_known_digests_are_not_sent(client: AmazonPhotos, tmp_path: Path) -> None:
    """Bug 16: whole files in memory, and no process at all on a single core."""
    new, known = tmp_path / "trip" / "new.jpg", tmp_path / "trip" / "known.jpg"
    new.parent.mkdir()
    new.write_bytes(jpeg(color="pink"))
    known.write_bytes(jpeg(color="gold"))
    md5 = hashlib.md5(known.read_bytes()).hexdigest()
    assert client.dedup_files(tmp_path / "trip", {md5}, max_workers=1) == [new]
    report = client.upload(tmp_path / "trip", {md5}, refresh=True, max_workers=1)
    assert {Path(row.source).name: row.result for row in report.rows} == {"new.jpg": "done", "known.jpg": "skipped"}
    assert client.find_path("trip/known.jpg") is None
    assert client.dedup_files(tmp_path / "trip") == [known]
    assert len(client.upload(tmp_path / "trip", {md5}, skip_dedup=True).select("done")) == 1


def test_a_table_shows_an_upload_unless_it_was_told_not_to(client: AmazonPhotos, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(color="pink"))
    (tmp_path / "b.jpg").write_bytes(jpeg(color="gold"))
    assert len(client.db) == 4
    client.upload(tmp_path / "a.jpg", refresh=False)
    assert len(client.db) == 4
    client.upload(tmp_path / "b.jpg")
    assert len(client.db) == 6


def test_an_upload_that_failed_is_an_error(client: AmazonPhotos, tmp_path: Path) -> None:
    (tmp_path / "2.jpg").write_bytes(b"other bytes")
    with pytest.raises(BatchError, match="1 of 1"):
        client.upload(tmp_path / "2.jpg", folder="Pictures")
    with pytest.raises(NotFoundError):
        client.upload(tmp_path / "nothing")


# -- folders -----------------------------------------------------------------------------------------------------------


def test_trees_are_kept_until_something_changes(client: AmazonPhotos) -> None:
    assert client.tree is client.tree
    assert client.root["id"] == client.get_root()["id"]
    assert {each["name"] for each in client.folders} == {"", "Pictures", "0", "1"}
    assert client.find_path("Pictures/1", root=client.tree)["name"] == "1"
    assert client.find_path("pictures/9", root=client.tree) is None
    before = client.tree
    client.trash(client.find_path("Pictures/1"))
    assert client.tree is not before
    assert client.find_path("Pictures/1", root=client.tree) is None


def test_a_tree_is_drawn_as_wide_and_coloured_as_asked_for(
    client: AmazonPhotos, capsys: pytest.CaptureFixture[str]
) -> None:
    client.print_tree(client.tree, show_id=False, color=False, indent=2, prefix="> ")
    assert capsys.readouterr().out == "> ~\n> └ Pictures\n>   ├ 0\n>   └ 1\n"
    client.print_tree(color=True, show_id=False)
    assert "\x1b[34mPictures\x1b[0m" in capsys.readouterr().out
    client.print_tree()
    assert "\x1b" not in capsys.readouterr().out
