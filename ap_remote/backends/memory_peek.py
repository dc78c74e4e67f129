"""What other threads may see of a remote in memory: the account between two steps of its verbs, never within one."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, TypeVar

from ap_remote.backends.memory_ability import Ability
from ap_remote.errors import NotFoundError
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Sequence
    from threading import RLock

    from ap_remote.backends.memory_tree import Node
    from ap_remote.model import Entry

T = TypeVar("T")
Class = TypeVar("Class", bound=type)


class Peek(Ability):
    """Looks from any thread; views, which are put together anew each time, always have to be asked."""

    _whole: RLock

    def peek(self, path: str) -> Entry | None:
        """Return what is at a path."""
        place = paths.normalise(path)
        if paths.is_view(place):
            return None
        with self._whole:
            return self._tree.entry(self._there(place))

    def peek_list(self, path: str) -> Sequence[Entry] | None:
        """Return what is in a folder."""
        place = paths.normalise(path)
        if paths.is_view(place):
            return None
        with self._whole:
            return [*self._targets.listed(place, self._there(place), recursive=False)]

    def peek_mark(self, path: str) -> None:
        """Return nothing: what is in memory is looked at anew each time."""
        del path

    def _there(self, place: str) -> Node:
        node = self._tree.find(place)
        if node is None:
            raise NotFoundError(place)
        return node


def in_whole_steps(*verbs: str) -> Callable[[Class], Class]:
    """Let each stretch of these verbs, from one ``await`` to the next, be one for threads that peek."""

    def apply(remote: Class) -> Class:
        for verb in verbs:
            setattr(remote, verb, _stepping(getattr(remote, verb)))
        return remote

    return apply


def _stepping(verb: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    @functools.wraps(verb)
    async def stepping(self: Peek, *args: Any, **kwargs: Any) -> T:
        return await _steps(verb(self, *args, **kwargs), self._whole)

    return stepping


@types.coroutine
def _steps(verb: Coroutine[Any, Any, T], whole: RLock) -> Generator[Any, Any, T]:
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            with whole:
                waiting = verb.send(answer) if error is None else verb.throw(error)
        except StopIteration as end:
            found: T = end.value
            return found
        answer = error = None
        try:
            answer = yield waiting
        except BaseException as exc:  # noqa: BLE001 - it is the verb's, which gets it at its next step
            error = exc
