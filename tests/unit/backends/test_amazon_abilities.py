"""What the Amazon remote sends for its abilities, and what it makes of answers: a transport that plays a service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    BatchError,
    LimitError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
)
from ap_remote.model import NodeId

ROOT, ONE, TWO, PHOTO, ALBUM = "root", "one", "two", "photo", "album"


class Account:
    """Nodes by id, and what a call to an address answers instead of the usual."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {
            ROOT: {"id": ROOT, "kind": "FOLDER", "isRoot": True},
            ONE: {"id": ONE, "kind": "FOLDER", "name": "one", "parents": [ROOT], "version": 1},
            TWO: {"id": TWO, "kind": "FOLDER", "name": "two", "parents": [ROOT], "version": 1},
            PHOTO: {"id": PHOTO, "name": "a.jpg", "parents": [ONE], "version": 1, "contentProperties": {"size": 1}},
            ALBUM: {"id": ALBUM, "kind": "VISUAL_COLLECTION", "name": "Rome", "version": 1},
        }
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.stream: Any = None  # the account has no stream of changes

    def said(self, *methods: str) -> list[tuple[str, dict[str, Any]]]:
        return [(title, body) for title, body in self.sent if title.split(" ")[0] in methods]

    async def send(self, call: Any) -> Any:
        body = json.loads(call.json) if call.json else {}
        body = {key: value for key, value in body.items() if key not in ("resourceVersion", "ContentType")}
        self.sent.append((call.title, body))
        answer = self.answers.get(call.title, lambda _: self._usual(call))(body)
        return call.reply.decode(json.dumps(answer).encode())

    def _usual(self, call: Any) -> Any:
        parts = call.path.split("/")
        if call.method == "GET" and call.path == "nodes":
            found = [self.nodes[ROOT]] if "isRoot" in call.params["filters"] else []
            return {"count": len(found), "data": found}
        if call.method == "GET" and len(parts) == 3 and parts[2] == "children":
            inside = [node for node in self.nodes.values() if parts[1] in node.get("parents", ())]
            return {"count": len(inside), "data": inside}
        if call.method == "GET" and len(parts) == 2:
            if parts[1] not in self.nodes:
                raise NotFoundError(call.about)
            return self.nodes[parts[1]]
        if call.method == "GET" and call.path in ("search", "trash"):
            return {"count": 0, "data": []}
        if call.method == "PATCH" and len(parts) == 2:
            self.nodes[parts[1]] = self._next(parts[1], **json.loads(call.json))
            return self.nodes[parts[1]]
        return {}

    def _next(self, node_id: str, **fields: Any) -> dict[str, Any]:
        node = self.nodes[node_id]
        return {**node, **fields, "version": node["version"] + 1}

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
async def remote(account: Account, tmp_path: Path):
    async def sleep(_: float) -> None:
        """Time does not pass."""

    async with AmazonPhotosRemote("home", account, tmp_path / "cache", sleep=sleep) as opened:  # type: ignore[arg-type] # a double
        yield opened


def refusal(error: Exception) -> Callable[[Any], Any]:
    def answer(_: Any) -> Any:
        raise error

    return answer


# -- people ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["match", "value"])
async def test_aggregation_match_vs_value_people_are_read_under_either_key(remote, account, key):
    account.answers["GET search/aggregation"] = lambda _: {
        "category": "allPeople",
        "aggregations": [
            {key: "c2", "count": 3, "nodeId": "n2"},
            {key: "c1", "count": 40, "searchData": {"clusterId": "c1", "clusterName": "Ada", "nodeId": "n1"}},
            {key: "c3", "count": 1, "searchData": {"clusterName": ""}},
        ],
    }
    found = [(each.id, each.name, each.count, each.cover) for each in await remote.people()]
    assert found == [("c1", "Ada", 40, "n1"), ("c2", None, 3, "n2"), ("c3", None, 1, None)]


async def test_a_failure_behind_status_200_is_an_error(remote, account):
    account.answers["PUT cluster/name"] = lambda _: {"errorMap": {"c1": 404}}
    account.answers["POST cluster"] = lambda _: {"errorMap": {"c2": "403"}}
    account.answers["PUT cluster/hero/c1"] = lambda _: {"errorMap": {"c1": 200, "c9": None}}
    with pytest.raises(NotFoundError, match="c1"):
        await remote.name_person("c1", "Ada")
    with pytest.raises(AccessDeniedError, match="c2"):
        await remote.merge_people(["c1", "c2"], "Ada")
    await remote.set_person_cover("c1", "one/a.jpg")
    assert account.sent[-1] == ("PUT cluster/hero/c1", {"clusterId": "c1", "nodeId": PHOTO})


# -- the family vault --------------------------------------------------------------------------------------------------


async def test_the_answer_about_the_vault_is_kept_in_the_cache(remote, account):
    account.answers["POST familyArchive/"] = lambda _: {"data": [{**account.nodes[PHOTO], "version": 9}]}
    await remote.add_to_family(["one/a.jpg"], family_id="F1")
    account.sent.clear()
    entry = await remote.stat("one/a.jpg")
    assert (entry.family_id, entry.version, account.sent) == ("F1", 9, [])


async def test_the_family_is_asked_of_the_familys_own_search(remote, account):
    account.answers["GET search"] = lambda _: {"count": 1, "data": [{"id": "x", "familyId": "F7"}]}
    await remote.add_to_family(["one/a.jpg"])
    assert account.said("POST")[-1][1] == {"nodesToAdd": [PHOTO], "nodesToRemove": [], "familyId": "F7"}
    await remote.remove_from_family(["one/a.jpg"])
    assert account.said("POST")[-1][1] == {"nodesToAdd": [], "nodesToRemove": [PHOTO], "familyId": "F7"}
    account.answers.clear()
    with pytest.raises(UnsupportedError):
        await remote.add_to_family(["one/a.jpg"])


async def test_what_the_vault_refuses_is_told_by_id_and_the_rest_is_in(remote, account):
    account.nodes["b"] = {**account.nodes[PHOTO], "id": "b", "name": "b.jpg"}
    account.answers["POST familyArchive/"] = lambda _: {"errorMap": {"b": 403}}
    with pytest.raises(BatchError) as caught:
        await remote.add_to_family(["one/a.jpg", "one/b.jpg"], family_id="F1")
    assert [row.id for row in caught.value.outcomes] == ["b"]
    assert [(await remote.stat(f"one/{name}.jpg")).family_id for name in "ab"] == ["F1", None]


async def test_more_than_fifty_go_into_the_vault_in_several_calls(remote, account):
    for number in range(120):
        account.nodes[f"n{number}"] = {**account.nodes[PHOTO], "id": f"n{number}", "name": f"{number:03}.jpg"}
    await remote.add_to_family([f"one/{number:03}.jpg" for number in range(120)], family_id="F1")
    assert [len(body["nodesToAdd"]) for _, body in account.said("POST")] == [50, 50, 20]


# -- words -------------------------------------------------------------------------------------------------------------


async def test_words_are_one_patch_with_what_changes(remote, account):
    entry = await remote.describe("one/a.jpg", description="about", labels=["x"])
    assert account.said("PATCH") == [(f"PATCH nodes/{PHOTO}", {"description": "about", "labels": ["x"]})]
    assert (entry.path, entry.description, entry.labels, entry.version) == ("one/a.jpg", "about", ("x",), 2)
    account.sent.clear()
    assert (await remote.stat("one/a.jpg")).description == "about"
    assert account.sent == []


async def test_properties_that_go_are_removed_before_others_come(remote, account):
    account.nodes[PHOTO]["properties"] = {"app": {f"k{number}": "v" for number in range(10)}}
    entry = await remote.set_properties("one/a.jpg", "app", {"new": "1", "k0": None})
    assert [title for title, _ in account.said("PUT", "DELETE")] == [
        f"DELETE nodes/{PHOTO}/properties/app/k0",
        f"PUT nodes/{PHOTO}/properties/app/new",
    ]
    assert len(entry.properties["app"]) == 10
    account.sent.clear()
    assert (await remote.stat("one/a.jpg")).properties == entry.properties
    assert account.sent == []


async def test_properties_that_were_set_before_a_failure_are_known(remote, account):
    account.answers[f"PUT nodes/{PHOTO}/properties/app/b"] = refusal(AccessDeniedError("no"))
    with pytest.raises(AccessDeniedError):
        await remote.set_properties("one/a.jpg", "app", {"a": "1", "b": "2", "c": "3"})
    assert (await remote.stat("one/a.jpg")).properties == {"app": {"a": "1"}}


async def test_a_property_that_is_gone_already_counts_as_removed_but_not_as_set(remote, account):
    account.nodes[PHOTO]["properties"] = {"app": {"a": "1"}}
    account.answers[f"DELETE nodes/{PHOTO}/properties/app/a"] = refusal(NotFoundError("a"))
    assert (await remote.set_properties("one/a.jpg", "app", {"a": None})).properties == {}
    account.answers[f"PUT nodes/{PHOTO}/properties/app/a"] = refusal(NotFoundError("photo"))
    with pytest.raises(NotFoundError):
        await remote.set_properties("one/a.jpg", "app", {"a": "1"})


async def test_an_eleventh_property_is_not_sent_even_if_somebody_else_set_the_tenth(remote, account):
    await remote.stat("one/a.jpg")
    account.nodes[PHOTO] = account._next(PHOTO, properties={"app": {f"k{number}": "v" for number in range(10)}})
    with pytest.raises(LimitError):
        await remote.set_properties("one/a.jpg", "app", {"new": "1"})
    assert account.said("PUT") == []


# -- parents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["the node", "nothing", "the folder"])
async def test_child_add_remove_status_202_vs_200(remote, account, answer):
    def change(parents: list[str]) -> Callable[[Any], Any]:
        def answered(_: Any) -> Any:
            account.nodes[PHOTO] = account._next(PHOTO, parents=parents)
            return {"the node": account.nodes[PHOTO], "nothing": {}, "the folder": account.nodes[TWO]}[answer]

        return answered

    account.answers[f"PUT nodes/{TWO}/children/{PHOTO}"] = change([ONE, TWO])
    entry = await remote.link("one/a.jpg", "two")
    assert (entry.path, entry.parents) == ("two/a.jpg", (ONE, TWO))
    account.answers[f"DELETE nodes/{ONE}/children/{PHOTO}"] = change([TWO])
    entry = await remote.unlink("one/a.jpg", "one")
    assert (entry.path, entry.parents) == ("two/a.jpg", (TWO,))


async def test_last_parent_removed_is_never_asked_for(remote, account):
    with pytest.raises(UnsupportedError):
        await remote.unlink("one/a.jpg", "one")
    account.nodes[PHOTO] = account._next(PHOTO, parents=[ONE, ALBUM])
    with pytest.raises(UnsupportedError):
        await remote.unlink(NodeId(PHOTO), "one")
    account.nodes[TWO] = account._next(TWO, status="TRASH")
    account.nodes[PHOTO] = account._next(PHOTO, parents=[ONE, TWO])
    with pytest.raises(UnsupportedError):
        await remote.unlink(NodeId(PHOTO), "one")
    assert account.said("DELETE") == []


async def test_whether_a_parent_is_the_last_is_asked_and_not_remembered(remote, account):
    account.nodes[PHOTO]["parents"] = [ONE, TWO]
    assert (await remote.stat("one/a.jpg")).parents == (ONE, TWO)
    account.nodes[PHOTO] = account._next(PHOTO, parents=[ONE])
    with pytest.raises(UnsupportedError):
        await remote.unlink("one/a.jpg", "one")


async def test_an_unlinking_without_an_answer_is_looked_after(remote, account):
    account.nodes[PHOTO]["parents"] = [ONE, TWO]
    account.answers[f"DELETE nodes/{ONE}/children/{PHOTO}"] = refusal(OutcomeUnknownError("504"))
    with pytest.raises(OutcomeUnknownError):
        await remote.unlink("one/a.jpg", "one")

    def done(_: Any) -> Any:
        account.nodes[PHOTO] = account._next(PHOTO, parents=[TWO])
        raise OutcomeUnknownError("504")

    account.answers[f"DELETE nodes/{ONE}/children/{PHOTO}"] = done
    assert (await remote.unlink(NodeId(PHOTO), "one")).path == "two/a.jpg"


async def test_a_name_that_somebody_else_just_took_there(remote, account):
    account.answers[f"PUT nodes/{TWO}/children/{PHOTO}"] = refusal(AlreadyExistsError("id:photo", "theirs"))
    with pytest.raises(AlreadyExistsError) as caught:
        await remote.link("one/a.jpg", "two")
    assert (caught.value.path, caught.value.node_id) == ("two/a.jpg", "theirs")


# -- covers ------------------------------------------------------------------------------------------------------------


async def test_a_cover_that_the_service_did_not_take_is_said(remote, account):
    entry = await remote.set_album_cover(NodeId(ALBUM), "one/a.jpg")
    assert (entry.id, entry.path) == (ALBUM, ".views/albums/Rome")
    assert (await remote.album_cover(NodeId(ALBUM))).id == PHOTO
    account.answers[f"PATCH nodes/{ALBUM}"] = lambda _: account.nodes[ALBUM] | {"collectionProperties": {"covers": []}}
    with pytest.raises(UnsupportedError, match="cover"):
        await remote.set_album_cover(NodeId(ALBUM), "one/a.jpg")


async def test_an_album_may_have_no_cover_and_a_chosen_one_beats_the_default(remote, account):
    assert await remote.album_cover(NodeId(ALBUM)) is None
    covers = [{"id": "gone", "isDefault": True}, {"id": PHOTO, "isDefault": False}]
    account.nodes[ALBUM]["collectionProperties"] = {"covers": covers}
    assert (await remote.album_cover(NodeId(ALBUM))).id == PHOTO


# -- trash -------------------------------------------------------------------------------------------------------------


async def test_nodes_in_the_answer_of_the_trash_spare_the_asking(remote, account):
    def trash(body: dict[str, Any]) -> Any:
        status = "TRASH" if body["op"] == "add" else "AVAILABLE"
        name = "a.jpg" if body["op"] == "add" else "a (1).jpg"
        account.nodes[PHOTO] = account._next(PHOTO, status=status, name=name)
        return {"count": 1, "data": [account.nodes[PHOTO]]}

    account.answers["PATCH trash"] = trash
    (row,) = await remote.trash("one/a.jpg")
    assert (row.entry.version, row.entry.path, str(row.entry.status)) == (2, "one/a.jpg", "trashed")
    account.sent.clear()
    (row,) = await remote.restore(NodeId(PHOTO))
    assert (row.entry.version, row.entry.path) == (3, "one/a (1).jpg")
    assert [title for title, _ in account.sent] == [f"GET nodes/{PHOTO}", "PATCH trash"]


@pytest.mark.parametrize("odd", [{}, {"data": []}, {"data": ["photo"]}, {"count": 1}, []])
async def test_an_answer_of_the_trash_without_nodes_is_asked_after(remote, account, odd):
    def trash(body: dict[str, Any]) -> Any:
        account.nodes[PHOTO] = account._next(PHOTO, status="TRASH" if body["op"] == "add" else "AVAILABLE")
        return odd

    account.answers["PATCH trash"] = trash
    (row,) = await remote.trash("one/a.jpg")
    assert str(row.entry.status) == "trashed"
    (row,) = await remote.restore(NodeId(PHOTO))
    assert (row.entry.version, str(row.entry.status)) == (3, "available")


async def test_an_answer_that_shows_the_old_state_is_not_believed(remote, account):
    stale = dict(account.nodes[PHOTO])

    def trash(body: dict[str, Any]) -> Any:
        before = dict(account.nodes[PHOTO])
        account.nodes[PHOTO] = account._next(PHOTO, status="TRASH" if body["op"] == "add" else "AVAILABLE")
        return {"data": [stale if body["op"] == "add" else before]}

    account.answers["PATCH trash"] = trash
    (row,) = await remote.trash("one/a.jpg")
    assert str(row.entry.status) == "trashed"
    (row,) = await remote.restore(NodeId(PHOTO))
    assert (row.entry.version, str(row.entry.status)) == (3, "available")


@pytest.mark.parametrize("op", ["trash", "restore"])
async def test_error_map_of_the_trash_is_read_per_id(remote, account, op):
    """Bug 13: trash and restore did not look into it."""
    status = "AVAILABLE" if op == "trash" else "TRASH"
    for name in "bcd":
        account.nodes[name] = {**account.nodes[PHOTO], "id": name, "name": f"{name}.jpg", "status": status}
    done: list[str] = []

    def trash(body: dict[str, Any]) -> Any:
        for each in set(body["value"]) - {"c"}:
            done.append(each)
            account.nodes[each] = account._next(each, status="TRASH" if op == "trash" else "AVAILABLE")
        return {"errorMap": {"c": 404}}

    account.answers["PATCH trash"] = trash
    with pytest.raises(BatchError) as caught:
        await getattr(remote, op)(*map(NodeId, "bcd"))
    assert [(row.target, row.error is None) for row in caught.value.outcomes] == [
        ("id:b", True),
        ("id:c", False),
        ("id:d", True),
    ]
    assert sorted(done) == ["b", "d"]


async def test_restore_of_many_goes_out_in_batches_of_fifty(remote, account):
    """Bug 13: all ids went into one call, which the service refuses."""
    for number in range(120):
        node = {**account.nodes[PHOTO], "id": f"n{number}", "name": f"{number}.jpg", "status": "TRASH"}
        account.nodes[f"n{number}"] = node
    listed = [node for node in account.nodes.values() if node.get("status") == "TRASH"]
    account.answers["GET trash"] = lambda _: {"count": 120, "data": listed}

    def trash(body: dict[str, Any]) -> Any:
        for each in body["value"]:
            account.nodes[each] = account._next(each, status="AVAILABLE")
        return {"data": [account.nodes[each] for each in body["value"]]}

    account.answers["PATCH trash"] = trash
    account.answers["GET trash"] = lambda _: {"count": 0, "data": []}
    rows = await remote.restore(*[NodeId(f"n{number}") for number in range(120)])
    assert [len(body["value"]) for _, body in account.said("PATCH")] == [50, 50, 20]
    assert {str(row.entry.status) for row in rows} == {"available"}


async def test_purge_without_trash_first_is_never_sent(remote, account):
    with pytest.raises(Exception, match="not in the trash"):
        await remote.delete("one/a.jpg")
    with pytest.raises(Exception, match="not in the trash"):
        await remote.delete(NodeId(PHOTO))
    assert account.said("POST") == []


# -- paging and filters ------------------------------------------------------------------------------------------------


async def test_an_album_of_more_than_two_hundred_members_is_whole(remote, account):
    """Bug 23: members beyond the first page were missed."""
    members = [{**account.nodes[PHOTO], "id": f"m{number}", "name": f"{number:03}.jpg"} for number in range(450)]
    pages: list[dict[str, str]] = []
    usual = account.send

    async def send(call: Any) -> Any:
        if call.title != f"GET nodes/{ALBUM}/children":
            return await usual(call)
        pages.append(call.params)
        start = int(call.params.get("offset", 0))
        answer = {"count": 450, "data": members[start : start + int(call.params["limit"])]}
        return call.reply.decode(json.dumps(answer).encode())

    account.send = send  # type: ignore[method-assign] # a double
    assert len([each async for each in remote.list(NodeId(ALBUM))]) == 450
    assert len(pages) == 3


async def test_kind_file_or_folder_is_starred_or_not_asked_at_all(remote, account):
    """Sources disagree whether an unstarred group works beside parents; none of our filters has one."""
    filters: list[str] = []
    usual = account.send

    async def send(call: Any) -> Any:
        filters.append(call.params.get("filters", ""))
        return await usual(call)

    account.send = send  # type: ignore[method-assign] # a double
    [each async for each in remote.trashed()]
    [each async for each in remote.albums()]
    [each async for each in remote.list("one", fresh=True)]
    assert "kind:(FILE* OR FOLDER*) AND status:(TRASH*)" in filters
    groups = [each for each in filters if "kind:(" in each]
    assert all("*" in each and "parents" not in each for each in groups)
    assert not [each for each in filters if "FILE OR FOLDER" in each]
