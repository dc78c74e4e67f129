"""Resources, completions and prompts: what a host offers to a person, in both eras."""

from __future__ import annotations

import json
import re

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from ap_remote.errors import TransportError
from ap_remote.model import Usage
from ap_remote.remote.condition import Condition
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server

EVERYTHING = frozenset({"organise", "trash"})


async def read(client, uri):
    (content,) = (await client.read_resource(uri)).contents
    assert content.mime_type == "application/json"
    return json.loads(content.text)


async def refusal(client, uri):
    with pytest.raises(MCPError) as refused:
        await client.read_resource(uri)
    return refused.value.error


# -- resources ---------------------------------------------------------------------------------------------------------


async def test_the_tree_has_parents_before_children_and_counts(open_client, library):
    async with open_client(library.remote) as client:
        two = await read(client, "photos://tree")
        one = await read(client, "photos://tree?depth=1")
        three = await read(client, "photos://tree?depth=3")
        odd = await read(client, "photos://tree?depth=900")
    assert [each["path"] for each in one["folders"]] == ["Pictures"]
    assert [each["path"] for each in two["folders"]] == [
        "Pictures",
        "Pictures/2022",
        "Pictures/2023",
        "Pictures/2024",
    ]
    assert "Pictures/2023/Trip" in {each["path"] for each in three["folders"]}
    assert {each["path"]: (each["count"], each.get("folders")) for each in two["folders"]}["Pictures/2023"] == (4, 1)
    assert odd == two


async def test_a_tree_that_is_too_large_says_what_is_left_out(open_client, library):
    async with open_client(library.remote, limits=Limits(counted_folders=3)) as client:
        shown = await read(client, "photos://tree?depth=4")
    assert len(shown["folders"]) == 2
    assert shown["note"].startswith("2 more folders were not looked into")


async def test_an_album_is_paged_and_an_unknown_one_is_missing(open_client, library):
    album = await library.remote.create_album("Rome")
    async with open_client(library.remote) as client:
        empty = await read(client, f"photos://album/{album.id}")
        missing = await refusal(client, "photos://album/nobody")
        foreign = await refusal(client, f"photos://album/{album.id}?cursor=forged")
    assert empty["items"] == []
    assert missing.code == -32602
    assert foreign.message.startswith("[bad_argument]")


async def test_counts_are_a_resource_for_each_property(open_client, library):
    async with open_client(library.remote) as client:
        years = await read(client, "photos://facets/year")
        unknown = await refusal(client, "photos://facets/mood")
    assert ["2023", 5] in years["rows"]
    assert years["total"] == 8
    assert unknown.code == -32602
    assert "year" in unknown.message


async def test_a_job_is_shown_to_its_own_caller_only(open_client, library):
    async with open_client(library.remote) as client:
        job = (await client.call_tool("photos_sync", {})).structured_content
        shown = await read(client, f"photos://job/{job['job_id']}")
        listed = await read(client, "photos://jobs")
        missing = await refusal(client, f"photos://job/{'0' * 32}")
    assert shown["job_id"] == job["job_id"]
    assert [each["job_id"] for each in listed["jobs"]] == [job["job_id"]]
    assert missing.code == -32602


async def test_the_journal_tells_what_was_done_the_last_first_in_pages(open_client, library, monkeypatch):
    monkeypatch.setattr("ap_remote_mcp.resources._OPERATIONS", 2)
    async with open_client(library.remote, allow=EVERYTHING) as client:
        assert (await read(client, "photos://journal")) == {"operations": []}
        for name in ("cat.jpg", "beach.jpg", "forum.jpg"):
            plan = (await client.call_tool("photos_trash", {"ids": [library.ids[name]]})).structured_content["plan"]
            await client.call_tool("photos_trash", {"ids": [library.ids[name]], "plan": plan})
        first = await read(client, "photos://journal")
        second = await read(client, f"photos://journal?cursor={first['next']}")
        forged = await refusal(client, "photos://journal?cursor=x")
        page = (await client.call_tool("photos_search", {"limit": 1})).structured_content
        foreign = await refusal(client, f"photos://journal?cursor={page['next']}")
    assert [each["action"] for each in first["operations"]] == ["trash", "trash"]
    assert [(each["entries"], each["done"]) for each in second["operations"]] == [(1, 1)]
    assert "next" not in second
    assert len({each["op_id"] for each in first["operations"] + second["operations"]}) == 3
    assert forged.message.startswith("[bad_argument]")
    assert foreign.message.startswith("[bad_argument] The cursor belongs to something else")
    assert all(len(each["at"]) == len("2023-07-20T08:15Z") for each in first["operations"])


async def test_a_failure_of_the_library_is_said_in_our_words(open_client, library, monkeypatch):
    def fails(*_, **__):
        raise TransportError("canary-secret-address")

    monkeypatch.setattr(library.remote, "aggregations", fails)
    async with open_client(library.remote) as client:
        refused = await refusal(client, "photos://facets/place")
    assert refused.message.startswith("[unavailable]")
    assert "canary" not in refused.message


async def test_previews_and_trees_may_be_kept_and_the_rest_not(library):
    from mcp import Client

    cat = library.ids["cat.jpg"]
    async with Client(build_server(library.remote, index=None), mode="2026-07-28") as client:
        told = {
            uri: await client.read_resource(uri)
            for uri in (f"photos://node/{cat}/preview", "photos://tree", "photos://status", f"photos://node/{cat}")
        }
    assert [each.ttl_ms for each in told.values()] == [86_400_000, 60_000, 0, 0]
    assert {each.cache_scope for each in told.values()} == {"private"}


async def test_those_who_listen_hear_of_jobs_and_of_changes(library):
    from mcp import Client

    server = build_server(library.remote, index=None, allow=EVERYTHING)
    heard = []
    async with Client(server, mode="2026-07-28") as client:
        wanted = ["photos://jobs", "photos://status", "photos://journal"]
        async with client.listen(resource_subscriptions=wanted) as events:
            await client.call_tool("photos_sync", {})
            await client.call_tool("photos_restore", {"ids": [library.ids["cat.jpg"]]})
            with anyio.fail_after(20):
                async for event in events:
                    heard.append(event.uri)
                    if {"photos://jobs", "photos://status", "photos://journal"} <= set(heard):
                        break
    assert set(heard) == set(wanted)


# -- completions -------------------------------------------------------------------------------------------------------


async def complete(client, ref, name, value):
    return (await client.complete(ref, {"name": name, "value": value})).completion


PROMPT = PromptReference(type="ref/prompt", name="any")


@pytest.mark.parametrize(
    ("argument", "typed", "expected"),
    [
        ("folder", "", ["Pictures"]),
        ("folder", "Pictures/20", ["Pictures/2022", "Pictures/2023", "Pictures/2024"]),
        ("folder", "Pictures/2023/t", ["Pictures/2023/Trip"]),
        ("folder", "nowhere/x", []),
        ("place", "van", ["Vancouver"]),
        ("album", "r", ["Rome", "Summer"]),
        ("scope", "ro", ["Rome"]),
        ("description", "a dog at the be", ["a dog at the beach"]),
        ("n", "1", []),
        ("unheard-of", "x", []),
    ],
)
async def test_arguments_of_prompts_are_completed(*, open_client, library, argument, typed, expected):
    for name in ("Rome", "Summer"):
        await library.remote.create_album(name)
    async with open_client(library.remote) as client:
        found = await complete(client, PROMPT, argument, typed)
    assert found.values == expected
    assert found.total == len(expected)


async def test_variables_of_templates_are_completed(open_client, library):
    album = await library.remote.create_album("Rome")

    def template(uri):
        return ResourceTemplateReference(type="ref/resource", uri=uri)

    async with open_client(library.remote) as client:
        job = (await client.call_tool("photos_sync", {})).structured_content["job_id"]
        by = await complete(client, template("photos://facets/{by}"), "by", "p")
        albums = await complete(client, template("photos://album/{id}{?cursor}"), "id", album.id[:3])
        jobs = await complete(client, template("photos://job/{job_id}"), "job_id", "")
        node = await complete(client, template("photos://node/{id}"), "id", "")
    assert by.values == ["person", "place"]
    assert albums.values == [album.id]
    assert jobs.values == [job]
    assert node.values == [], "ids of pictures come from a search, not from guessing"


async def test_what_cannot_be_known_completes_nothing(open_client, library, monkeypatch):
    def fails(*_, **__):
        raise TransportError("away")

    monkeypatch.setattr(library.remote, "aggregations", fails)
    async with open_client(library.remote) as client:
        assert (await complete(client, PROMPT, "place", "v")).values == []


async def test_names_that_hide_something_are_shown_plainly(open_client, library):
    await library.remote.create_album("Ro\u202eme")
    async with open_client(library.remote) as client:
        found = await complete(client, PROMPT, "album", "ro")
    assert found.values == ["Ro\ufffdme"]


# -- prompts -----------------------------------------------------------------------------------------------------------

WRITTEN = {
    "find_photo": {"description": "the dog"},
    "trip_album": {"place": "Rome", "when": "2023"},
    "pick_best": {"album": "Rome"},
    "tidy_folder": {"folder": "Pictures"},
    "review_duplicates": {},
    "export_for": {"purpose": "a calendar", "scope": "2023"},
    "on_this_day": {"date": "14 July"},
    "library_report": {},
}


async def test_every_prompt_names_tools_that_there_are_and_quotes_what_was_typed(open_client, library):
    from ap_remote_mcp.policy.abilities import Ability
    from ap_remote_mcp.tools.catalogue import tools

    known = {tool.name for tool in tools(frozenset(Ability))}
    async with open_client(library.remote) as client:
        assert {each.name for each in (await client.list_prompts()).prompts} == WRITTEN.keys()
        for name, arguments in WRITTEN.items():
            (message,) = (await client.get_prompt(name, arguments)).messages
            words = {word.strip("().,;:") for word in message.content.text.replace("(", " ").split()}
            named = {word for word in words if word.startswith("photos_")}
            assert named <= known, name
            assert named
            for value in arguments.values():
                assert repr(value) in message.content.text


async def test_a_prompt_says_which_argument_is_missing_by_the_code_of_the_protocol(open_client, library):
    server = build_server(library.remote, index=None)
    async with open_client(server=server) as client:
        prompts = (await client.list_prompts()).prompts
        with pytest.raises(MCPError) as refused:
            await client.get_prompt("trip_album", {"place": "Rome"})
        day = (await client.get_prompt("on_this_day", {"date": "06-21"})).messages[0].content.text
    assert refused.value.error.code == -32602
    assert "when" in refused.value.error.message
    assert all(argument.description for prompt in prompts for argument in prompt.arguments or ())
    assert "filter=timeMonth:(6) AND timeDay:(21)" in day


async def test_what_takes_too_long_is_given_up_and_gives_its_turn_back(open_client, library, monkeypatch):
    async def never(*_, **__):
        await anyio.sleep_forever()

    monkeypatch.setattr(library.remote, "aggregations", never)
    async with open_client(library.remote, limits=Limits(call_seconds=0.01)) as client:
        late = await refusal(client, "photos://facets/thing")
        completion = await client.complete(
            PromptReference(type="ref/prompt", name="trip_album"), {"name": "place", "value": "R"}
        )
    assert late.message.startswith("[busy]")
    assert completion.completion.values == [], "the turn was given back, and is given up again"


async def test_the_status_and_a_job_are_told_while_another_call_has_the_turn(open_client, library, monkeypatch, said):
    begun, end = anyio.Event(), anyio.Event()

    async def slow(*_, **__):
        begun.set()
        await end.wait()
        return []

    monkeypatch.setattr(library.remote, "aggregations", slow)
    async with open_client(library.remote) as client, anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "photos_facets", {"by": "thing"})
        await begun.wait()
        status = await client.call_tool("photos_status", {})
        job = await client.call_tool("photos_job", {"job_id": "nobody"})
        end.set()
    assert status.structured_content["pixels_left_today"] > 0
    assert said(job).startswith("[not_found]")


async def test_the_status_asks_nobody_and_says_what_is_known_by_then(open_client, library, monkeypatch):
    async def asked(*_, **__):
        raise AssertionError("the status asked the remote")

    moment = 1_700_000_000.0

    class Cached:
        """As a remote with a node cache has it."""

        async def complete_since(self, query=""):
            return moment

        async def count_cached(self, query=""):
            return 7

        def told_total(self, query=""):
            return None

        def search_cached(self, query="", *, sort="-taken", limit=None):
            return library.remote.search(query, sort=sort, limit=limit)

    async with open_client(library.remote) as client:
        for name in ("complete_since", "count_cached", "told_total", "search_cached"):
            monkeypatch.setattr(library.remote, name, getattr(Cached(), name), raising=False)
        first = (await client.call_tool("photos_status", {})).structured_content
        await client.call_tool("photos_search", {"limit": 1})
        for name in ("aggregations", "search", "list", "stat", "usage", "complete_since"):
            monkeypatch.setattr(library.remote, name, asked)
        then = (await client.call_tool("photos_status", {})).structured_content
        assert await read(client, "photos://status") == then
    assert "cache_as_of" not in first
    assert then["cache_as_of"] == "2023-11-14T22:13Z"


async def test_the_status_tells_the_last_failure_in_one_sentence_and_no_mistake(
    open_client, library, monkeypatch, said
):
    async def fails(*_, **__):
        raise TransportError("https://x/?tempLink=CANARY")

    async with open_client(library.remote) as client:
        await client.call_tool("photos_list", {"path": "nowhere"})
        await client.call_tool("photos_search", {"filter": "type:("})
        before = await client.call_tool("photos_status", {})
        monkeypatch.setattr(library.remote, "aggregations", fails)
        await client.call_tool("photos_facets", {"by": "thing"})
        after = await client.call_tool("photos_status", {})
    assert "last_error" not in before.structured_content
    told = after.structured_content["last_error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ The service gave no usable answer: unavailable", told)
    assert len(said(after)) < 700, "it is read often"


async def test_an_index_that_is_not_made_is_told_with_the_tool_that_makes_it(open_client, library, make_index):
    async with open_client(library.remote, index=make_index({})) as client:
        note = (await client.call_tool("photos_status", {})).structured_content["index_note"]
    assert "photos_sync(what=embeddings)" in note


async def test_the_status_tells_what_the_remote_knows_of_itself(open_client, library, monkeypatch):
    usage = Usage(photo_bytes=3_000_000, video_bytes=1_500_000, free=43_998_000_000)
    known = [Condition(), Condition(synced=1_700_000_000.0, broken_off=True, rests=299.5, usage=usage)]
    monkeypatch.setattr(library.remote, "condition", lambda: known[0], raising=False)
    async with open_client(library.remote) as client:
        nothing = (await client.call_tool("photos_status", {})).structured_content
        known.pop(0)
        status = (await client.call_tool("photos_status", {})).structured_content
    assert not {"cache_as_of", "service", "used_mb", "free_mb"} & set(nothing)
    assert status["cache_as_of"] == "2023-11-14T22:13Z"
    assert status["cache_note"] == "a sync broke off: photos_sync goes on with it"
    assert status["service"].startswith("it refused too often: nothing is sent until ")
    assert (status["used_mb"], status["free_mb"]) == (4, 43_998)
