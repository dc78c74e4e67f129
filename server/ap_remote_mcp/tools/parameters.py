"""Arguments that several tools take, with their bounds and what the model reads about them."""

from __future__ import annotations

from typing import Annotated, Final

from mcp.types import ToolAnnotations
from msgspec import Meta

from ap_remote_mcp.policy.limits import MAX_CHANGE, MAX_ID, MAX_ROWS, MAX_TEXT, MAX_TOKEN
from ap_remote_mcp.tools.filters import DATE

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
ChangedIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_CHANGE, description="items, no folders")]
Words = Annotated[str, Meta(max_length=MAX_TEXT, description="what to find, in plain words")]
Filter = Annotated[str, Meta(max_length=MAX_TEXT, description="Amazon's syntax: things:(beach) AND timeYear:(2023)")]
From = Annotated[str, Meta(pattern=DATE, description="first day taken: YYYY, YYYY-MM or YYYY-MM-DD")]
To = Annotated[str, Meta(pattern=DATE, description="last day taken, included")]
PlaceName = Annotated[str, Meta(max_length=120, description="city, region or country code")]
_Value = Annotated[str, Meta(min_length=1, max_length=120)]
People = Annotated[tuple[_Value, ...], Meta(max_length=10, description="names or ids, all in the picture")]
Things = Annotated[tuple[_Value, ...], Meta(max_length=10, description="Amazon's labels, all of them")]
Rows = Annotated[int, Meta(ge=1, le=MAX_ROWS)]
Cursor = Annotated[str, Meta(max_length=MAX_TOKEN, description="next of an earlier page; pass it alone")]
PlanToken = Annotated[str, Meta(max_length=MAX_TOKEN, description="plan of the preview; without it nothing changes")]

READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=True)
READS_HERE: Final = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
REMOVES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)
BRINGS_BACK: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
FETCHES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
"""It changes nothing but what is kept on this machine."""
