"""Ready-made requests that a person picks in a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ap_remote_mcp.context import App

_LIMIT = 300


def register(server: MCPServer[App]) -> None:
    """Add the prompts to a server."""

    @server.prompt(title="Find a photo", description="Find one photograph from what is remembered of it.")
    def find_photo(description: str) -> str:
        return (
            f"Find this photograph in my library: {clean(description, _LIMIT)!r}.\n"
            "Search with photos_search; take dates, places and people out of the description and give them as filters. "
            "Look at the best results with photos_contact_sheet, enlarge up to four with photos_view, and tell me the "
            "one that fits with its name, date and id. If none fits, say so and ask me for one more detail."
        )

    @server.prompt(title="Album of a trip", description="Choose the photographs for an album of one trip.")
    def trip_album(place: str, when: str) -> str:
        return (
            f"Choose the photographs for an album of my trip to {clean(place, _LIMIT)!r}, {clean(when, _LIMIT)!r}.\n"
            "Find the days with photos_facets (by=day) under place, from and to. Page through photos_search with these "
            "filters and look at everything on contact sheets. Leave out near-duplicates, blurred pictures and "
            "screenshots, keep at most forty, and give me a list of ids with a line each on why it belongs. "
            "Change nothing in the library."
        )
