"""The folders of a plan, and what would go into one of them, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.errors import NotFoundError
from ap_remote.model import NodeId
from ap_remote_mcp.changes.folderplans import loaded, place_of
from ap_remote_mcp.results.items import item
from ap_remote_mcp.results.pages import Folder, Listing
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.queries import Position, seal
from ap_remote_mcp.tools.rows import Cut, Row

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote_mcp.context import App


async def plan_listing(app: App, named: tuple[str, str], position: Position, limit: int) -> Listing:
    """Return the folders of a plan, or what would go into one of them, as it is now."""
    plan = await loaded(app, named[0])
    answer = Listing(items=[], as_of=app.now)
    if not named[1]:
        answer.folders = [
            Folder(
                id=each.album or f"plan:{plan.id}/#{number}",
                name=clean(each.name),
                path=f"plan:{plan.id}/{clean(each.name)}",
                kind="album",
                count=len(each.members),
            )
            for number, each in list(enumerate(plan.folders, 1))[position.at : position.at + app.limits.folders]
        ]
        at = position.at + len(answer.folders)
        if at < len(plan.folders):
            answer.next = seal(app, Position(query=position.query, at=at))
            answer.note = f"{len(plan.folders) - at} more folders: pass next as cursor"
        return answer
    members = plan.folders[place_of(plan, named[1])].members
    gone, seen, size = 0, 0, 600
    for member in members[position.at : position.at + limit]:
        try:
            shown = item(await app.remote.stat(NodeId(member.id)), score=member.score)
        except NotFoundError:
            gone, seen = gone + 1, seen + 1
            continue
        size += app.weigh(shown)
        if answer.items and size > app.limits.result_bytes:
            break
        answer.items.append(shown)
        seen += 1
    answer.total = len(members)
    at = position.at + seen
    if seen and at < len(members):
        answer.next = seal(app, Position(query=position.query, at=at, last=members[at - 1].id))
    answer.note = f"{gone} of this page are gone since the plan was made" if gone else ""
    return answer


async def plan_rows(app: App, named: tuple[str, str], position: Position, limit: int) -> Cut:
    """Return a page of what would go into a folder of a plan; what is gone is passed over."""
    plan = await loaded(app, named[0])
    members = plan.folders[place_of(plan, named[1])].members
    entries: list[Entry] = []
    at = position.at
    while not entries and at < len(members):
        asked = [member.id for member in members[at : at + limit]]
        entries, _ = await app.entries(asked)
        at += len(asked)
    # What follows begins behind those that were passed over.
    return Cut([Row(entry) for entry in entries], more=at < len(members), at=at - len(entries))
