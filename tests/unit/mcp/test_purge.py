"""Deleting for ever: never without a person who types the number."""

from __future__ import annotations

import pytest
from mcp.types import ElicitResult

from ap_remote.errors import NotFoundError
from ap_remote.model import NodeId, Status

ALLOW = frozenset({"purge"})


class Person:
    def __init__(self, content, action="accept"):
        self.answer = ElicitResult(action=action, content=content)
        self.questions = []

    async def __call__(self, context, params):
        self.questions.append(params.message)
        return self.answer


@pytest.fixture
async def binned(library):
    names = ("cat.jpg", "dog.jpg")
    await library.remote.trash(*(NodeId(library.ids[each]) for each in names))
    return [library.ids[each] for each in names]


async def is_kept(library, ids):
    return all([(await library.remote.stat(NodeId(each))).status is Status.TRASHED for each in ids])


async def test_a_person_who_types_the_number_deletes_for_ever(open_client, library, binned, said):
    person = Person({"count": 2})
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        shown = (await client.call_tool("photos_purge", {"ids": binned})).structured_content
        assert shown["preview"]["warnings"] == ["this cannot be undone"]
        assert person.questions == []
        gone = (await client.call_tool("photos_purge", {"ids": binned, "plan": shown["plan"]})).structured_content
    assert (gone["done"], gone["verified"]) == (2, 2)
    assert "undo_until" not in gone
    assert "“cat.jpg” among them" in person.questions[0]
    assert "2" not in person.questions[0].partition("(")[0], "the number is known from the preview alone"
    for each in binned:
        with pytest.raises(NotFoundError):
            await library.remote.stat(NodeId(each))


@pytest.mark.parametrize(
    "person",
    [
        Person({"count": 1}),
        Person({"count": 0}),
        Person(None, "decline"),
        Person(None, "cancel"),
        Person({"count": "x"}),
        Person({"count": " 2 "}),
        Person({"count": 2.0}),
    ],
    ids=["another number", "none", "decline", "cancel", "nonsense", "a text", "a fraction"],
)
async def test_anything_else_deletes_nothing(open_client, library, binned, said, person):
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        shown = (await client.call_tool("photos_purge", {"ids": binned})).structured_content
        result = await client.call_tool("photos_purge", {"ids": binned, "plan": shown["plan"]})
        again = await client.call_tool("photos_purge", {"ids": binned, "plan": shown["plan"]})
    assert said(result).startswith("[declined]")
    assert said(again).startswith("[plan_stale]") or said(again).startswith("[declined]")
    assert await is_kept(library, binned)


async def test_a_client_that_cannot_ask_gets_no_plan(open_client, library, binned, said):
    async with open_client(library.remote, allow=ALLOW) as client:
        result = await client.call_tool("photos_purge", {"ids": binned})
    assert said(result).startswith("[unsupported]")
    assert "ap cleanup" in said(result)
    assert await is_kept(library, binned)


async def test_only_what_is_in_the_trash_can_be_named(open_client, library, binned, said):
    folder = (await library.remote.stat("Pictures/2024")).id
    await library.remote.trash(NodeId(folder))
    async with open_client(library.remote, allow=ALLOW, on_question=Person({"count": 3})) as client:
        for odd in (library.ids["beach.jpg"], folder):
            result = await client.call_tool("photos_purge", {"ids": [*binned, odd]})
            assert said(result).startswith("[bad_argument]")
    assert await is_kept(library, binned)


async def test_the_word_for_the_trash_does_not_bring_it(open_client, library, binned, said):
    async with open_client(library.remote, allow=frozenset({"trash", "organise"})) as client:
        result = await client.call_tool("photos_purge", {"ids": binned})
    assert said(result).startswith("[read_only_mode]")


@pytest.mark.parametrize("typed", [True, 1.0, "1", " 1 "])
async def test_what_only_counts_as_one_is_no_number_that_a_person_typed(open_client, library, binned, said, typed):
    async with open_client(library.remote, allow=ALLOW, on_question=Person({"count": typed})) as client:
        shown = (await client.call_tool("photos_purge", {"ids": binned[:1]})).structured_content
        result = await client.call_tool("photos_purge", {"ids": binned[:1], "plan": shown["plan"]})
    assert said(result).startswith("[declined]")
    assert await is_kept(library, binned)


@pytest.mark.parametrize("era", ["legacy"])
async def test_a_form_is_written_for_a_person(open_client, library, binned):
    """The later era sends the fields alone."""
    forms = []

    async def read(context, params):
        forms.append(params.requested_schema)
        return ElicitResult(action="decline")

    allow = frozenset({"purge", "trash"})
    async with open_client(library.remote, allow=allow, on_question=read) as client:
        for tool, ids in (("photos_purge", binned), ("photos_trash", [library.ids["beach.jpg"]])):
            shown = (await client.call_tool(tool, {"ids": ids})).structured_content
            await client.call_tool(tool, {"ids": ids, "plan": shown["plan"]})
    assert list(dict.fromkeys((each["title"], each["description"]) for each in forms)) == [
        ("Delete for ever", "Nothing is deleted unless you type how many pictures go."),
        ("A change in your photo library", "Nothing is changed unless you confirm."),
    ]


@pytest.mark.parametrize("action", ["cancel", "decline"])
async def test_who_closes_a_question_did_not_say_no(open_client, library, binned, said, action):
    told = {"cancel": "closed the question", "decline": "said no"}[action]
    allow = frozenset({"purge", "trash"})
    async with open_client(library.remote, allow=allow, on_question=Person(None, action)) as client:
        for tool, ids in (("photos_purge", binned), ("photos_trash", [library.ids["beach.jpg"]])):
            shown = (await client.call_tool(tool, {"ids": ids})).structured_content
            result = await client.call_tool(tool, {"ids": ids, "plan": shown["plan"]})
            assert said(result).startswith(f"[declined] The person {told}")
