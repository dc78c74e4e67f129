"""Arguments that several tools take, with their bounds and what the model reads about them."""

from __future__ import annotations

from typing import Annotated, Final

from mcp.types import ToolAnnotations
from msgspec import Meta

from ap_remote_mcp.policy.limits import MAX_CHANGE, MAX_ID, MAX_ROWS, MAX_TEXT, MAX_TOKEN
from ap_remote_mcp.tools.filters import DATE

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
ChangedIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_CHANGE)]
Words = Annotated[str, Meta(max_length=MAX_TEXT, description="plain words")]
Filter = Annotated[str, Meta(max_length=MAX_TEXT, description="Amazon's, e.g. timeYear:(2023)")]
From = Annotated[str, Meta(pattern=DATE, description="YYYY[-MM[-DD]]")]
To = Annotated[str, Meta(pattern=DATE, description="included")]
PlaceName = Annotated[str, Meta(max_length=120, description="city, region, country")]
_Value = Annotated[str, Meta(min_length=1, max_length=120)]
People = Annotated[tuple[_Value, ...], Meta(max_length=10, description="names or ids")]
Things = Annotated[tuple[_Value, ...], Meta(max_length=10, description="labels")]
InFolder = Annotated[str, Meta(max_length=1000, description="path or id")]
InAlbum = Annotated[str, Meta(max_length=256, description="name or id")]
MinMb = Annotated[float, Meta(ge=0)]
FolderPath = Annotated[str, Meta(max_length=1000, description="below this folder")]
Rows = Annotated[int, Meta(ge=1, le=MAX_ROWS)]
Cursor = Annotated[str, Meta(max_length=MAX_TOKEN, description="next of a page")]
PlanToken = Annotated[str, Meta(max_length=MAX_TOKEN, description="of the preview")]

# The protocol's defaults are left out: readOnly false, idempotent false, openWorld true. So is what they make moot.
READS: Final = ToolAnnotations(read_only_hint=True)
READS_HERE: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
REMOVES: Final = ToolAnnotations(destructive_hint=True, idempotent_hint=True)
BRINGS_BACK: Final = ToolAnnotations(destructive_hint=False, idempotent_hint=True)
FETCHES: Final = ToolAnnotations(destructive_hint=False, idempotent_hint=True)
"""It changes nothing but what is kept on this machine."""
