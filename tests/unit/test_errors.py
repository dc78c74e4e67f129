"""The exception tree is as its page draws it, and crosses process borders."""

from __future__ import annotations

import builtins
import errno
import inspect
import pickle
import re

import pytest

from ap_remote import errors
from ap_remote.model import Outcome

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.RemoteError)]
SPECIMENS = [
    errors.NotFoundError("a/b.jpg"),
    errors.FolderNotFoundError("a"),
    errors.AlreadyExistsError("a/b.jpg", "node"),
    errors.AlreadyExistsError("a/b.jpg", node_id="node"),
    errors.DuplicateContentError("a/b.jpg", node_id="node"),
    errors.IsFolderError("a"),
    errors.IsFileError("a"),
    errors.FolderNotEmptyError("a"),
    errors.AmbiguousError("a", ["x", "y"]),
    errors.NotInTrashError("a"),
    errors.InvalidNameError("a/b", "it contains '/'"),
    errors.LimitError("too many"),
    errors.QuerySyntaxError("kind:(X)", 0, "unknown facet"),
    errors.UnsupportedError("no"),
    errors.AuthenticationError("expired"),
    errors.AccessDeniedError("no"),
    errors.PreconditionFailedError("changed"),
    errors.QuotaExceededError("full"),
    errors.TransportError("no answer"),
    errors.RateLimitedError("slow down"),
    errors.UnavailableError("down"),
    errors.ServiceFullError("the service has no room"),
    errors.ProtocolError("HTML"),
    errors.OutcomeUnknownError("look"),
    errors.IncompleteListingError("broke off"),
    errors.IntegrityError("md5 differs"),
    errors.BatchError("1 of 2", [Outcome(target="a", action="trash", error="no")]),
    errors.ConfigError("no"),
    errors.MissingExtraError("the index", "semantic"),
    errors.StoreError("no"),
    errors.NewerStoreError("the cache", found=3, known=2),
    errors.BusyStoreError("busy"),
    errors.CorruptStoreError("torn"),
    errors.EncoderError("no weights"),
    errors.PlanError("cannot"),
    errors.RemoteError("root"),
]


def drawn():
    """Yield (class, parent, builtin base) as the page's tree has them."""
    above = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}( *)(\w+Error)\b(?:\s+\+ (\w+))?", line)
        if found:
            depth = len(found.group(1)) // 2
            above = [*above[:depth], found.group(2)]
            yield found.group(2), above[-2] if depth else None, found.group(3)


def test_the_page_draws_every_class_once():
    assert sorted(name for name, _, _ in drawn()) == sorted(each.__name__ for each in CLASSES)


@pytest.mark.parametrize(("name", "parent", "base"), list(drawn()))
def test_the_tree_is_as_drawn(name, parent, base):
    bases = getattr(errors, name).__bases__
    expected = (getattr(errors, parent) if parent else Exception,)
    assert bases == (*expected, getattr(builtins, base)) if base else bases == expected


def test_there_is_a_specimen_of_every_class():
    assert {type(each) for each in SPECIMENS} == set(CLASSES)


@pytest.mark.parametrize("error", SPECIMENS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_sentence_and_attributes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("error", SPECIMENS, ids=lambda error: type(error).__name__)
def test_an_error_reads_as_one_sentence_without_decoration(error):
    assert str(error) == error.message
    assert not str(error).startswith(("[Errno", "("))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RemoteError, 1),
        (errors.QuerySyntaxError, 2),
        (errors.ConfigError, 2),
        (errors.NotFoundError, 4),
        (errors.AlreadyExistsError, 6),
        (errors.DuplicateContentError, 6),
        (errors.TransportError, 5),
        (errors.RateLimitedError, 5),
        (errors.AuthenticationError, 7),
        (errors.QuotaExceededError, 7),
        (errors.NewerStoreError, 12),
        (errors.EncoderError, 13),
        (errors.PlanError, 14),
    ],
)
def test_exit_codes_are_as_documented(kind, code):
    assert kind.exit_code == code


def test_no_error_exits_as_success():
    assert all(0 < each.exit_code < 126 for each in CLASSES)


def test_only_what_may_pass_by_itself_is_retried():
    assert {each for each in CLASSES if each.retryable} == {errors.RateLimitedError, errors.UnavailableError}


def test_transport_errors_are_no_os_errors():
    assert not [each for each in CLASSES if issubclass(each, errors.TransportError) and issubclass(each, OSError)]


def test_builtin_handlers_catch_what_they_know():
    with pytest.raises(FileNotFoundError):
        raise errors.NotFoundError("a")
    with pytest.raises(OSError, match="not empty") as caught:
        raise errors.FolderNotEmptyError("a")
    assert caught.value.errno == errno.ENOTEMPTY


def test_a_long_name_is_cut_in_the_sentence_and_kept_in_the_attribute():
    error = errors.InvalidNameError("x" * 300, "it is long")
    assert len(str(error)) < 120
    assert error.name == "x" * 300
