"""Every error of the library is told as what it is, and none promises what nobody knows."""

from __future__ import annotations

import pytest

from ap_remote import errors as remote
from ap_remote_mcp.errors import _TABLE, NEXT, Code, coded

OWN = {remote.AmbiguousError, remote.QuerySyntaxError}
"""They are told with what they carry."""


def below(kind):
    for each in kind.__subclasses__():
        if each.__module__ == remote.__name__:
            yield each
            yield from below(each)


@pytest.mark.parametrize("kind", sorted(set(below(remote.RemoteError)), key=lambda each: each.__name__))
def test_every_class_of_errors_has_a_row(kind):
    assert kind in OWN or any(issubclass(kind, row.kind) for row in _TABLE), "it would be told as a failure"


def test_no_row_is_hidden_by_one_before_it():
    for number, row in enumerate(_TABLE):
        assert not any(issubclass(row.kind, before.kind) for before in _TABLE[:number]), row.kind


def raised(error, module="ap_remote.cache.env", cause=None):
    """Return an error as it arrives that was raised in a module."""
    space = {"__name__": module, "error": error, "cause": cause}
    with pytest.raises(type(error)) as caught:
        exec("raise error from cause", space)
    return caught.value


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (raised(remote.StoreError("cannot write the journal")), Code.UNAVAILABLE, "disk"),
        (raised(remote.StoreError("no index"), "ap_remote.semantic.store"), Code.INDEX_MISSING, "ap index build"),
        (raised(remote.CorruptStoreError("torn"), "ap_remote.semantic.shards"), Code.INDEX_MISSING, "ap index build"),
        (raised(remote.BusyStoreError("held"), "ap_remote.semantic.store"), Code.BUSY, "Another process"),
        (raised(remote.PlanError("full"), "ap_remote.organise.plan", OSError(28, "full")), Code.UNAVAILABLE, "disk"),
        (raised(remote.PlanError("changed"), "ap_remote.organise.plan"), Code.PLAN_STALE, "plan"),
        (remote.ConfigError("no account"), Code.UNAVAILABLE, "do not retry"),
    ],
)
def test_what_failed_is_told_by_where_it_failed(error, code, words):
    told = coded(error)
    assert told.code == code
    assert words in str(told)


def test_only_a_refusal_says_that_nothing_was_changed():
    assert [code for code, then in NEXT.items() if "othing was changed" in then] == [Code.DECLINED]
