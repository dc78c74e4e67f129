from __future__ import annotations

import inspect

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import READING, ReadOnlyRemote, read_only
from ap_remote.errors import AccessDeniedError
from ap_remote.remote import features
from ap_remote.remote.base import Remote
from ap_remote.remote.features import SupportsTrashListing, SupportsUsage

ABILITIES = {each for name, each in vars(features).items() if name.startswith("Supports")}
WRITING = ABILITIES - set(READING)


@pytest.fixture
def inner() -> MemoryRemote:
    made = MemoryRemote("home")
    made.seed("box/a.txt", b"hello")
    return made


@pytest.fixture
def remote(inner: MemoryRemote) -> ReadOnlyRemote:
    return read_only(inner)


def test_every_abstract_verb_is_defined_on_the_wrapper_itself():
    assert Remote.__abstractmethods__ <= set(vars(ReadOnlyRemote))


def test_every_ability_is_either_passed_on_by_a_class_of_its_own_or_masked():
    for ability, part in READING.items():
        verbs = {name for name, _ in inspect.getmembers(ability, inspect.isfunction) if not name.startswith("_")}
        assert verbs
        assert verbs <= set(vars(part))


async def test_what_reads_is_passed_on(remote: ReadOnlyRemote):
    assert [entry.path async for entry in remote.list("", recursive=True)] == ["box", "box/a.txt"]
    assert (await remote.stat("box/a.txt")).size == 5
    assert [piece async for piece in remote.get("box/a.txt")] == [b"hello"]
    assert [entry async for entry in remote.search("type:(VIDEOS)")] == []
    assert await remote.aggregations("things") == []


@pytest.mark.parametrize("verb", ["trash", "restore", "delete"])
async def test_what_writes_is_refused(remote: ReadOnlyRemote, inner: MemoryRemote, verb: str):
    with pytest.raises(AccessDeniedError, match=f"home: is open for reading only, will not {verb} 'box/a.txt'"):
        await getattr(remote, verb)("box/a.txt")
    assert inner.raw("box/a.txt") == b"hello"


async def test_nothing_is_stored(remote: ReadOnlyRemote, inner: MemoryRemote):
    with pytest.raises(AccessDeniedError):
        await remote.put(b"new", "box/a.txt", if_exists="overwrite")
    assert inner.raw("box/a.txt") == b"hello"


def test_abilities_that_write_are_masked(remote: ReadOnlyRemote, inner: MemoryRemote):
    assert [each for each in WRITING if isinstance(inner, each)]
    assert [each for each in WRITING if isinstance(remote, each)] == []


async def test_an_ability_that_reads_is_there_if_the_wrapped_remote_has_it(remote: ReadOnlyRemote):
    assert isinstance(remote, SupportsTrashListing)
    assert [entry async for entry in remote.trashed()] == []
    assert isinstance(remote, SupportsUsage)
    assert (await remote.usage()).others + (await remote.usage()).documents == 1


def test_an_ability_that_the_wrapped_remote_lacks_is_not_claimed(remote: ReadOnlyRemote):
    twice = read_only(ReadOnlyRemote(remote))
    assert not isinstance(twice, SupportsUsage)


def test_the_facts_say_that_it_is_read_only(remote: ReadOnlyRemote):
    assert remote.features.read_only
    assert not remote.features.server_side_move
