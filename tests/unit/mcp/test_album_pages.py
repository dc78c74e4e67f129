"""Albums of more than a page: the pages together are the album, also where it changes between two of them."""

from __future__ import annotations

import json

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import NodeId
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server

MEMBERS = 250


@pytest.fixture
async def album():
    """A remote and its album of 250 photographs, in the order in which the remote lists them."""
    remote = MemoryRemote("home")
    remote.members = [NodeId(remote.seed(f"Pictures/{number:03}.jpg", b"%d" % number)) for number in range(MEMBERS)]
    remote.seed("Pictures/beside.jpg", b"beside")
    made = await remote.create_album("Everything", members=remote.members)
    return remote, made


def by_resource(client, album):
    async def page(cursor):
        told = await client.read_resource(f"photos://album/{album.id}" + (f"?cursor={cursor}" if cursor else ""))
        return json.loads(told.contents[0].text)

    return page


def by_tool(client, album):
    async def page(cursor):
        arguments = {"cursor": cursor} if cursor else {"album": album.name, "limit": 100}
        result = await client.call_tool("photos_list", arguments)
        assert not result.is_error, result.content
        return result.structured_content

    return page


WAYS = {"the resource": by_resource, "the tool": by_tool}


async def pages_of(page, between=None):
    found = [await page("")]
    while "next" in found[-1]:
        if between is not None and len(found) == 1:
            await between()
        found.append(await page(found[-1]["next"]))
        assert len(found) <= MEMBERS, "it ends"
    return found


def ids_in(pages):
    return [item["id"] for page in pages for item in page["items"]]


@pytest.mark.parametrize("way", list(WAYS))
async def test_the_pages_of_an_album_hold_each_member_once(open_client, album, way):
    remote, made = album
    async with open_client(server=build_server(remote, index=None)) as client:
        pages = await pages_of(WAYS[way](client, made))
    ids = ids_in(pages)
    assert len(ids) == MEMBERS
    assert set(ids) == {each.value for each in remote.members}
    assert len(pages) > 2


@pytest.mark.parametrize("way", list(WAYS))
async def test_pages_that_are_cut_by_the_size_of_an_answer_lose_none(open_client, album, way):
    remote, made = album
    server = build_server(remote, index=None, limits=Limits(result_bytes=3_000))
    async with open_client(server=server) as client:
        pages = await pages_of(WAYS[way](client, made))
    ids = ids_in(pages)
    assert len(ids) == len(set(ids)) == MEMBERS
    assert len(pages) > 5


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("which", ["one that was shown", "the last that was shown", "one that was not shown yet"])
async def test_a_member_that_goes_between_two_pages_hides_no_other(open_client, album, way, which):
    remote, made = album
    async with open_client(server=build_server(remote, index=None)) as client:
        page = WAYS[way](client, made)
        (first, *rest) = await pages_of(page)
        gone = {
            "one that was shown": first["items"][10]["id"],
            "the last that was shown": first["items"][-1]["id"],
            "one that was not shown yet": rest[0]["items"][10]["id"],
        }[which]

        async def leaves():
            await remote.remove_from_album(NodeId(made.id), [NodeId(gone)])

        pages = await pages_of(page, between=leaves)
    ids = ids_in(pages)
    stayed = {each.value for each in remote.members} - {gone}
    assert stayed <= set(ids) <= stayed | {gone}, "nothing is hidden"
    assert len(ids) - len(set(ids)) <= (which == "the last that was shown"), (
        "one comes twice only where the mark is gone"
    )
    moved = "the library changed" in pages[1].get("note", "")
    assert moved == (which != "one that was not shown yet")


@pytest.mark.parametrize("way", list(WAYS))
async def test_members_that_come_in_above_make_none_come_twice(open_client, album, way):
    remote, made = album
    new = [NodeId(remote.seed(f"Above/00{letter}.jpg", letter.encode())) for letter in "abc"]
    async with open_client(server=build_server(remote, index=None)) as client:

        async def come():
            await remote.add_to_album(NodeId(made.id), new)

        pages = await pages_of(WAYS[way](client, made), between=come)
    ids = ids_in(pages)
    assert len(ids) == len(set(ids)) >= MEMBERS
    assert {each.value for each in remote.members} <= set(ids)
    assert {item["folder"] for page in pages for item in page["items"]} <= {"Pictures", "Above"}, "where they lie"


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_cursor_of_one_album_opens_no_other(open_client, album, way):
    remote, made = album
    other = await remote.create_album("Other", members=remote.members[:150])
    async with open_client(server=build_server(remote, index=None)) as client:
        cursor = (await WAYS[way](client, made)(""))["next"]
        if way == "the tool":
            answer = await WAYS[way](client, other)(cursor)
            assert answer["total"] == MEMBERS if "total" in answer else len(answer["items"]) == 100
        else:
            with pytest.raises(Exception, match="cursor"):
                await WAYS[way](client, other)(cursor)
