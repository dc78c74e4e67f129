"""Ready-made requests that a person picks in a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from mcp.server.mcpserver.prompts import Prompt
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from pydantic import Field

from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ap_remote_mcp.context import App

Text = TypeVar("Text", bound=Callable[..., str])

_LIMIT: Final = 300
_KEEP: Final = "Change nothing in the library."
_ASK: Final = (
    "Propose before you change anything: show me the preview, wait for my word, and only then call again with its plan."
)


class CheckedPrompt(Prompt):
    """A prompt that says by the protocol's code which arguments are missing."""

    async def render(self, arguments: dict[str, Any] | None, context: Any) -> Any:
        """Return the messages."""
        given = arguments or {}
        missing = [each.name for each in self.arguments or () if each.required and each.name not in given]
        if missing:
            raise MCPError(INVALID_PARAMS, f"the prompt {self.name} needs: {', '.join(missing)}")
        return await super().render(arguments, context)


def _offered(server: MCPServer[App], *, title: str, description: str) -> Callable[[Text], Text]:
    """Return a decorator that adds a prompt to a server."""

    def add(fn: Text) -> Text:
        server.add_prompt(CheckedPrompt.from_function(fn, title=title, description=description))
        return fn

    return add


def _given(text: str) -> str:
    """Return what the person typed, in quotes, so that it reads as data."""
    return repr(clean(text, _LIMIT))


def register(server: MCPServer[App]) -> None:
    """Add the prompts to a server."""
    _finding(server)
    _tidying(server)
    _telling(server)


def _finding(server: MCPServer[App]) -> None:
    @_offered(server, title="Find a photo", description="Find one photograph from what is remembered of it.")
    def find_photo(
        description: Annotated[str, Field(description="what is remembered of it: when, where, who, what")],
    ) -> str:
        return (
            f"Find this photograph in my library: {_given(description)}.\n"
            "Search with photos_search; take dates, places and people out of the description and give them as filters. "
            "Look at the best results with photos_contact_sheet, enlarge up to four with photos_view, and tell me the "
            "one that fits with its name, date and id. If none fits, say so and ask me for one more detail."
        )

    @_offered(server, title="Album of a trip", description="Choose the photographs for an album of one trip.")
    def trip_album(
        place: Annotated[str, Field(description="a city, a region or a country")],
        when: Annotated[str, Field(description="a date or a period")],
    ) -> str:
        return (
            f"Choose the photographs for an album of my trip to {_given(place)}, {_given(when)}.\n"
            "Find the days with photos_facets (by=day) under place, from and to. Page through photos_search with these "
            "filters and look at everything on contact sheets. Leave out near-duplicates, blurred pictures and "
            "screenshots, keep at most forty, and give me a list of ids with a line each on why it belongs. "
            f"{_KEEP}"
        )

    @_offered(server, title="The best of an album", description="Choose the best few photographs of an album.")
    def pick_best(
        album: Annotated[str, Field(description="its name or id")],
        n: Annotated[str, Field(description="how many")] = "10",
    ) -> str:
        return (
            f"Choose the {_given(n)} best photographs of the album {_given(album)}.\n"
            "Page through photos_list(album=…) and look at all of it on contact sheets, 36 at a time. Enlarge what is "
            "close with photos_view. Judge sharpness, light, expression and whether the moment is told once only. Give "
            f"me the ids in order with a line each on why. {_KEEP}"
        )


def _tidying(server: MCPServer[App]) -> None:
    @_offered(server, title="Tidy a folder", description="Propose albums for what lies in one folder.")
    def tidy_folder(
        folder: Annotated[str, Field(description="its path")],
        style: Annotated[str, Field(description="events, themes, people, places or months")] = "events",
    ) -> str:
        return (
            f"Tidy the folder {_given(folder)} of my library, in the style {_given(style)}.\n"
            "See what is in it with photos_list and photos_facets. Let photos_suggest_folders make a plan (by event, "
            "theme, person, place or month, whichever the style means), look at the samples of each group with "
            "photos_contact_sheet, and tell me the groups with name, number and reason, and what stays unassigned. "
            f"{_ASK} Without photos_apply_folders say how the server must be started for it."
        )

    @_offered(server, title="Review duplicates", description="Go through copies and bursts, and decide with me.")
    def review_duplicates(
        scope: Annotated[str, Field(description="a folder or an album")] = "the whole library",
    ) -> str:
        return (
            f"Review the duplicates in {_given(scope)}.\n"
            "Begin with photos_duplicates(kind=exact), then kind=re-encoded and kind=burst where there is a semantic "
            "index. Show me the groups of both on contact sheets, since the frames of a burst are different pictures "
            "and one may be the only good one. Tell of each group which one you would keep and why, and how much space "
            "the others take. Favourites and pictures in albums stay unless I say otherwise. "
            f"{_ASK} Nothing is ever deleted for good here: only the trash."
        )

    @_offered(server, title="Export photos", description="Choose photographs for a purpose and download them.")
    def export_for(
        purpose: Annotated[str, Field(description="e.g. a printed book, a web page")],
        scope: Annotated[str, Field(description="a folder, an album or words")],
    ) -> str:
        return (
            f"Export photographs for {_given(purpose)} out of {_given(scope)}.\n"
            "Find them with photos_search and photos_list, look at them on contact sheets, and tell me the number, the "
            "size and the ids before you fetch anything. Download with photos_download; for publishing choose size web "
            "and strip_gps, for printing or safekeeping size original. Tell me where they lie and what failed. Without "
            "photos_download say how the server must be started for it."
        )


def _telling(server: MCPServer[App]) -> None:
    @_offered(server, title="On this day", description="What was photographed on one day of the year, year by year.")
    def on_this_day(date: Annotated[str, Field(description="month and day, e.g. 06-21")]) -> str:
        return (
            f"Show me what I photographed on {_given(date)} in all the years.\n"
            "Give photos_facets (by=year) and photos_search that day of every year by filter, for the 21st of June "
            "filter=timeMonth:(6) AND timeDay:(21). Put up to five of each year on one contact sheet, the newest year "
            "first, and tell me in a sentence per year where I was, with whom and what happened, only as far as "
            f"pictures and data show it. {_KEEP}"
        )

    @_offered(
        server, title="Report on the library", description="How large the library is, of what, and what needs care."
    )
    def library_report() -> str:
        return (
            "Write a report of one page on my photo library.\n"
            "Call photos_status, then photos_facets by year, kind, place, person, thing, camera and folder. Tell the "
            "total, how it grew, the main places and people, gaps in time, what lies in the root without a "
            "folder (photos_list), how many are in no album (photos_list source=unfiled), and how far the semantic "
            "index reaches. End with three things worth doing, each "
            f"with the prompt or tool for it. Figures only from the answers; say where a count was cut off. {_KEEP}"
        )
