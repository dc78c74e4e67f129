"""The exception tree.

::

    RemoteError                     everything this library raises on purpose
      NotFoundError                 + FileNotFoundError
        FolderNotFoundError                              the source of a transfer
      AlreadyExistsError            + FileExistsError      a name is taken in its folder
      DuplicateContentError         + FileExistsError      the same bytes are already in the account
      IsFolderError                 + IsADirectoryError
      IsFileError                   + NotADirectoryError
      FolderNotEmptyError           + OSError(ENOTEMPTY)
      AmbiguousError                + LookupError          several entries answer to one path
      NotInTrashError                                      delete for ever needs a trashed entry
      InvalidNameError              + ValueError
      LimitError                    + ValueError           more, or longer, than the service takes
      QuerySyntaxError              + ValueError           carries the text and the position
      UnsupportedError              + NotImplementedError  the remote lacks this ability
      AuthenticationError           + PermissionError      expired or missing credentials, never retried
      AccessDeniedError             + PermissionError
      PreconditionFailedError                              somebody changed the entry meanwhile
      QuotaExceededError
      TransportError                                       no usable answer came
        RateLimitedError                                   retryable
        UnavailableError                                   retryable
          ServiceFullError                                 its disk has no room; smaller files may fit
        ProtocolError                                      the answer could not be understood
        OutcomeUnknownError                                a write may or may not have happened
      IncompleteListingError                               a listing broke off; never a shorter list
      IntegrityError                                       length or md5 differ from what was promised
      BatchError                                           some of several targets failed
      ConfigError                   + ValueError
      MissingExtraError             + ImportError          names the extra to install
      StoreError                                           a local store (cache, index, journal) refuses
        NewerStoreError                                    written by a newer version
        BusyStoreError                                     another process writes
        CorruptStoreError
      EncoderError                                         no weights, or the wrong ones
      PlanError                                            a plan that cannot be applied or undone

No error text ever carries a cookie, a token or a signed URL. Transport errors are not ``OSError`` so that fsspec's
walkers cannot mistake a broken connection for an absent file.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


class RemoteError(Exception):
    """Root of the tree.

    Attributes:
        retryable: whether the same call may succeed if it is made again. Only the transport reads it.
        exit_code: what ``ap`` exits with. 1 to 10 mean what they mean to rclone: 1 anything else, 2 usage, 3 no such
            source, 4 not found, 5 temporary, 6 less serious, 7 fatal; ours are 12 a local store, 13 an encoder,
            14 a plan.
    """

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep the constructor's arguments, by which the error is pickled."""
        self = super().__new__(cls, *args)
        self._arguments = (args, kwargs)
        return self

    def __init__(self, message: str) -> None:
        """Keep the sentence a person reads."""
        super().__init__(message)
        self.message = message
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __str__(self) -> str:
        """Return the sentence, without OSError's decoration."""
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the arguments of the constructor, so that attributes survive process borders."""
        return _rebuild, (type(self), *self._arguments)


def _rebuild(kind: type[RemoteError], args: tuple[Any, ...], kwargs: dict[str, Any]) -> RemoteError:
    return kind(*args, **kwargs)


class NotFoundError(RemoteError, FileNotFoundError):
    """Nothing is at this path, or no node has this id."""

    exit_code = 4

    def __init__(self, path: str) -> None:
        super().__init__(f"no such entry: {path!r}")
        self.path = path


class FolderNotFoundError(NotFoundError):
    """The source of a transfer is not there."""

    exit_code = 3


class AlreadyExistsError(RemoteError, FileExistsError):
    """The name is taken in its folder (Amazon compares without regard to case)."""

    exit_code = 6

    def __init__(self, path: str, node_id: str | None = None) -> None:
        super().__init__(f"already exists: {path!r}")
        self.path = path
        self.node_id = node_id


class DuplicateContentError(RemoteError, FileExistsError):
    """The account already holds these bytes under another name."""

    exit_code = 6

    def __init__(self, path: str, node_id: str | None = None) -> None:
        where = f" as node {node_id}" if node_id else ""
        super().__init__(f"the same bytes are already in the account{where}: {path!r} was not uploaded")
        self.path = path
        self.node_id = node_id


class IsFolderError(RemoteError, IsADirectoryError):
    """A file was needed and a folder is there."""

    exit_code = 2

    def __init__(self, path: str) -> None:
        super().__init__(f"is a folder, a file is needed: {path!r}")
        self.path = path


class IsFileError(RemoteError, NotADirectoryError):
    """A folder was needed and a file is there."""

    exit_code = 2

    def __init__(self, path: str) -> None:
        super().__init__(f"is a file, a folder is needed: {path!r}")
        self.path = path


class FolderNotEmptyError(RemoteError, OSError):
    """A folder that still holds entries cannot be removed alone."""

    exit_code = 2

    def __init__(self, path: str) -> None:
        super().__init__(f"folder is not empty: {path!r}")
        self.path = path
        self.errno = errno.ENOTEMPTY


class AmbiguousError(RemoteError, LookupError):
    """Several entries answer to one path; name one by its id."""

    exit_code = 2

    def __init__(self, path: str, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} entries answer to {path!r}; name one by id: {', '.join(ids)}")
        self.path = path
        self.ids = tuple(ids)


class NotInTrashError(RemoteError):
    """Deleting for ever, or restoring, needs an entry that is in the trash."""

    exit_code = 2

    def __init__(self, path: str) -> None:
        super().__init__(f"not in the trash: {path!r}")
        self.path = path


class InvalidNameError(RemoteError, ValueError):
    """The service cannot hold an entry of this name."""

    exit_code = 2

    def __init__(self, name: str, reason: str) -> None:
        shown = name if len(name) <= 60 else name[:57] + "..."  # noqa: PLR2004 - a line of a terminal
        super().__init__(f"not a valid name: {shown!r}: {reason}")
        self.name = name
        self.reason = reason


class LimitError(RemoteError, ValueError):
    """More, or longer, than the service takes. Said before anything is sent."""

    exit_code = 2


class QuerySyntaxError(RemoteError, ValueError):
    """A filter that cannot be parsed; *position* counts characters from 0."""

    exit_code = 2

    def __init__(self, text: str, position: int, problem: str) -> None:
        caret = " " * position + "^"
        super().__init__(f"bad query at character {position + 1}: {problem}\n  {text}\n  {caret}")
        self.text = text
        self.position = position
        self.problem = problem


class UnsupportedError(RemoteError, NotImplementedError):
    """The remote has no such ability."""

    exit_code = 2


class AuthenticationError(RemoteError, PermissionError):
    """Credentials are missing, wrong or expired. Said at once, never retried."""

    exit_code = 7


class AccessDeniedError(RemoteError, PermissionError):
    """The account may not do this."""

    exit_code = 7


class PreconditionFailedError(RemoteError):
    """The entry changed since it was read."""


class QuotaExceededError(RemoteError):
    """The account is full."""

    exit_code = 7


class TransportError(RemoteError):
    """No usable answer came from the service."""

    exit_code = 5


class RateLimitedError(TransportError):
    """The service asks for fewer requests (429)."""

    retryable = True


class UnavailableError(TransportError):
    """The service, or the way to it, is down for the moment (5xx, connection lost)."""

    retryable = True


class ServiceFullError(UnavailableError):
    """The service has no room for this; it will have none in a moment either."""

    retryable = False


class ProtocolError(TransportError):
    """The answer is not what the protocol promises: HTML for JSON, a missing field, a lie about length."""


class OutcomeUnknownError(TransportError):
    """A write left, and no answer came: look before doing it again."""


class IncompleteListingError(RemoteError):
    """A listing broke off. What was seen so far must not be taken for the whole."""

    exit_code = 5


class IntegrityError(RemoteError):
    """Bytes differ in length or md5 from what the service promised."""

    exit_code = 5


class BatchError(RemoteError):
    """Some of several targets failed.

    Attributes:
        outcomes: an :class:`ap_remote.model.Outcome` for each target, the good ones too.
    """

    def __init__(self, message: str, outcomes: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.outcomes = tuple(outcomes)


class ConfigError(RemoteError, ValueError):
    """The configuration, or a remote's name, makes no sense."""

    exit_code = 2


class MissingExtraError(RemoteError, ImportError):
    """An optional part is not installed."""

    exit_code = 2

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'ap-remote[{extra}]'")
        self.extra = extra


class StoreError(RemoteError):
    """A local store (cache, index, journal) cannot be used."""

    exit_code = 12


class NewerStoreError(StoreError):
    """Written by a newer version of this program; it was left untouched."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} was written by a newer ap_remote (format {found}, this one knows {known}); "
            "upgrade, or point AP_HOME elsewhere",
        )
        self.found = found
        self.known = known


class BusyStoreError(StoreError):
    """Another process is writing; it was not disturbed."""


class CorruptStoreError(StoreError):
    """Damaged, and not repairable from what is there."""


class EncoderError(RemoteError):
    """The encoder cannot run: weights are missing, or do not match the index."""

    exit_code = 13


class PlanError(RemoteError):
    """A plan cannot be applied or undone as it stands."""

    exit_code = 14
