"""Who calls, and what that caller may do."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from mcp.server.auth.middleware.auth_context import get_access_token

from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.abilities import Ability

LOCAL: Final = "local"
"""The person who started the server: over standard input, or on the loopback without tokens."""
READ: Final = "photos:read"
"""The scope without which a token opens nothing."""


def caller() -> str:
    """Return who makes the running request, as plans, jobs and the journal bind to it.

    With a token it is ``client/subject``, either quoted and the slash always there: a client whose id has a slash, as
    addresses have, is nobody else's client and person, and none is :data:`LOCAL`.
    """
    token = get_access_token()
    if token is None:
        return LOCAL
    return f"{quote(token.client_id, safe='')}/{quote(token.subject or '', safe='')}"


def scope_of(ability: Ability | None) -> str:
    """Return the scope that a token needs for the tools of an ability; ``None`` is reading."""
    return READ if ability is None else f"photos:{ability}"


def permit(*abilities: Ability) -> None:
    """Make sure that the caller's token has the scope of one of some abilities, or of reading if none is named.

    Without tokens everything that was started is allowed.

    Raises:
        CodedError: it has none of them.
    """
    token = get_access_token()
    wanted = [scope_of(ability) for ability in abilities] or [READ]
    if token is not None and not set(wanted) & set(token.scopes):
        lacking = " or ".join(wanted)
        raise CodedError(
            Code.BLOCKED, f"The token lacks the scope {lacking}", "Tell the person; do not retry with this token."
        )
