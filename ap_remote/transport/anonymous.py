"""A session without cookies: the token in a public link says who asks, and the session keeps it to itself.

Calls name it by a placeholder (:data:`TOKEN` or :data:`GROUP` in their path); it is put in at the last moment, as
cookies are, so that no call, log line or error ever has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from ap_remote.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.transport.call import Call
    from ap_remote.transport.hosts import Hosts

T = TypeVar("T")

TOKEN: Final = "{token}"  # noqa: S105 - the placeholder of one
GROUP: Final = "{group}"
"""The part of a group's token before the dot. Braces never stand in a path otherwise: they are percent-encoded."""


class AnonymousSession(Session):
    """Someone with a link.

    Args:
        token: what the link carries: a share's id, or a group's ``<id>.<secret>``.
        parameter: the query parameter that carries it, ``shareId`` or ``groupShareToken``.
        hosts: where it may be sent.
    """

    def __init__(self, token: str, parameter: str, hosts: Hosts) -> None:
        # Not the base's: it wants cookies.
        self._cookies = {}
        self._on_rotate = None
        self._secrets = {token, *token.split(".")}
        self.hosts = hosts
        self._token = token
        self._parameter = parameter

    def __repr__(self) -> str:
        """Show where it is valid, and no more."""
        return f"AnonymousSession({self._parameter}=***, {self.hosts.metadata})"

    def headers(self) -> dict[str, str]:
        """Return nothing: no cookie is ever sent along with a link."""
        return {}

    def absorb(self, set_cookies: Iterable[str]) -> None:
        """Forget them."""
        del set_cookies

    def addressed(self, call: Call[T]) -> Call[T]:
        """Return a call with the token where it belongs."""
        path = call.path.replace(GROUP, self._token.partition(".")[0]).replace(TOKEN, self._token)
        return msgspec.structs.replace(call, path=path, params={**call.params, self._parameter: self._token})
