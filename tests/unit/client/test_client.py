"""The notebook client over a remote in memory, from plain code and inside a running loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from ap_remote import AmazonPhotos
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, ConfigError, NotInTrashError, RemoteError
from tests.contracts.pictures import jpeg


@pytest.fixture
def client(tmp_path: Path):
    (tmp_path / "trip").mkdir()
    for number in range(3):
        (tmp_path / "trip" / f"{number}.jpg").write_bytes(jpeg(color=(number * 80, 10, 10)))
    (tmp_path / "trip" / "notes.txt").write_text("notes", "utf-8")
    with AmazonPhotos(remote=MemoryRemote()) as found:
        report = found.upload(tmp_path / "trip", folder="Pictures")
        assert len(report.select("done")) == 4
        yield found


def test_photographs_come_as_a_frame(client: AmazonPhotos) -> None:
    frame = client.photos()
    assert sorted(frame["name"]) == ["0.jpg", "1.jpg", "2.jpg"]
    assert client.videos().empty
    assert len(client.query(limit=2)) == 2


def test_ids_are_taken_as_list_series_or_one(client: AmazonPhotos, tmp_path: Path) -> None:
    ids = client.photos()["id"]
    client.trash(ids[:2])
    client.trash(ids.iloc[2])
    assert client.photos().empty
    assert len(client.trashed()) == 3
    client.restore(list(ids))
    assert len(client.photos()) == 3
    found = client.download(ids, tmp_path / "media")
    assert len(found.report.select("done")) == 3
    assert found["nodes"] == list(ids)


def test_delete_needs_the_trash(client: AmazonPhotos) -> None:
    ids = client.photos()["id"]
    with pytest.raises(NotInTrashError):
        client.delete(ids[:1])
    client.trash(ids[:1])
    client.delete(ids[:1])
    assert client.trashed().empty


def test_marks_and_albums(client: AmazonPhotos) -> None:
    ids = list(client.photos()["id"])
    assert all(entry.favorite for entry in client.favorite(ids))
    client.unfavorite(ids)
    client.hide(ids[0])
    assert len(client.photos()) == 2
    client.unhide(ids[0])
    album = client.create_album("Trip", ids[:2])
    client.add_to_album(album.id, ids)
    client.remove_from_album(album.id, ids[:1])
    assert len(client.ls(".views/albums/Trip")) == 2
    client.rename_album(album.id, "Journey")
    assert len(client.ls(".views/albums/Journey")) == 2


def test_counts(client: AmazonPhotos) -> None:
    assert {facet.value: facet.count for facet in client.aggregations("type")}["PHOTOS"] == 3
    usage = client.usage().set_index("type")
    assert usage.loc["photo", "total_count"] == 3
    with pytest.raises(ConfigError, match="colour"):
        client.aggregations("colour")


async def test_it_works_inside_a_running_loop(client: AmazonPhotos) -> None:
    assert len(client.photos()) == 3


def test_no_secret_is_shown_and_missing_cookies_are_named() -> None:
    with pytest.raises(AuthenticationError, match="at-main") as caught:
        AmazonPhotos({"session-id": "CANARY-A", "ubid_main": "CANARY-B"})
    assert "CANARY" not in str(caught.value)
    with AmazonPhotos({"session-id": "CANARY-A", "ubid_main": "CANARY-B", "at_main": "CANARY-C"}) as found:
        assert "CANARY" not in repr(found)


def test_cookies_or_a_remote_not_both() -> None:
    with pytest.raises(ConfigError, match="not both"):
        AmazonPhotos({"session-id": "x"}, remote="local:")


def test_a_closed_client_says_so() -> None:
    client = AmazonPhotos(remote=MemoryRemote())
    client.close()
    client.close()
    with pytest.raises(RemoteError, match="closed"):
        client.photos()
