"""The virtual tree of an Amazon account, over the local service: the contract, its cost, and a search that lags."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import NotFoundError, NotInTrashError
from ap_remote.model import NodeId
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote.wire.search import SearchPage
from ap_remote_emulator.library.nodes import set_tags
from ap_remote_emulator.seed import Order, seed
from tests.contracts.base import collect, names
from tests.contracts.pictures import jpeg
from tests.contracts.service import URL, Clock, CountedTransport, OverService, plant
from tests.contracts.views import JULY, JUNE, Tag, ViewsContract


@pytest.fixture
def transport(app: Any, cookies: dict[str, str], clock: Clock) -> CountedTransport:
    return CountedTransport(Session(cookies, Hosts.for_service(URL)), app=app, retry=Retry(sleep=clock.sleep))


class TestSearched(OverService, ViewsContract):
    """An account whose nodes were never fetched: searches answer."""

    @pytest.fixture
    def tag(self, app: Any, clock: Clock) -> Tag:
        async def tag(node_id: str, things: Any, people: Any) -> None:
            clock.now += 3600
            plant(app, node_id, things=things, people=people)

        return tag


class TestSynced(TestSearched):
    """An account that was synced once and tells what changed: the node cache answers."""

    @pytest.fixture
    async def remote(self, remote: AmazonPhotosRemote) -> AmazonPhotosRemote:
        await remote.sync()
        return remote


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def month(app: Any) -> None:
    """Six hundred photographs of some years."""
    seed(app.state.store, 600)


async def test_the_files_of_a_view_cost_one_search_together(remote, month, transport):
    found = await collect(remote.list(".views/search/type:(PHOTOS OR VIDEOS)"))
    assert len(found) >= 600
    transport.titles.clear()
    for each in found:
        assert (await remote.stat(each.path)).id == each.id
    assert len(await names(remote.list(".views/search/type:(PHOTOS OR VIDEOS)"))) == len(found)
    assert transport.titles == []


async def test_the_files_of_a_view_are_put_in_order_once(remote, month, monkeypatch):
    from ap_remote.backends import view_names

    found = await collect(remote.list(".views/search/type:(PHOTOS)"))
    calls: list[int] = []
    real = view_names.shown
    monkeypatch.setattr(view_names, "shown", lambda items: calls.append(len(items)) or real(items))
    for each in found:
        await remote.stat(each.path)
    assert len(calls) <= 1


async def test_the_days_of_a_month_cost_the_searches_of_that_month(remote, month, transport):
    years = await names(remote.list(".views/by-date"))
    assert len(transport.titles) == 1
    months = await names(remote.list(f".views/by-date/{years[0]}"))
    assert len(transport.titles) == 2
    place = f".views/by-date/{years[0]}/{months[0]}"
    days = await collect(remote.list(place))
    before = len(transport.titles)
    held = sum([len(await names(remote.list(day.path))) for day in days])
    assert held >= len(days) > 1
    assert len(transport.titles) == before


async def test_a_synced_account_answers_without_any_request(remote, month, transport):
    await remote.sync()
    transport.titles.clear()
    for view in ("by-date", "favorites", "hidden", "videos"):
        for each in await collect(remote.list(f".views/{view}", recursive=True)):
            assert (await remote.stat(each.path)).id == each.id
    assert len(await collect(remote.list(".views/search/type:(PHOTOS)"))) > 500
    assert transport.titles == []


async def test_a_synced_account_that_has_grown_old_asks_once_what_changed(remote, door, transport, clock):
    await door.seed("box/a.jpg", jpeg(taken=JUNE))
    await remote.sync()
    await door.seed("box/b.jpg", jpeg(taken=JUNE, color="red"))
    clock.now += 61
    transport.titles.clear()
    assert await names(remote.list(".views/by-date/2019/06/30")) == ["a.jpg", "b.jpg"]
    assert await names(remote.list(".views/favorites")) == []
    assert len([title for title in transport.titles if "changes" in title]) == 1
    assert len(transport.titles) == 2


async def test_both_ways_of_answering_show_the_same_tree(remote, month, transport):
    async def shown() -> list[str]:
        places = [".views/by-date"]
        found: list[str] = []
        for place in places:
            for each in await collect(remote.list(place)):
                found.append(each.path)
                places.extend([each.path] * each.is_folder)
        return found

    searched = [
        *await shown(),
        *await names(remote.list(".views/favorites")),
        *await names(remote.list(".views/hidden")),
    ]
    assert any("search" in title for title in transport.titles)
    await remote.sync()
    transport.titles.clear()
    kept = [*await shown(), *await names(remote.list(".views/favorites")), *await names(remote.list(".views/hidden"))]
    assert transport.titles == []
    assert kept == searched


@pytest.mark.parametrize("view", ["albums", "by-date", "favorites", "hidden", "people", "places", "things", "trash"])
async def test_a_listing_is_kept_for_as_long_as_the_cache_may_answer_and_fresh_asks_anew(
    remote, transport, clock, view
):
    place = f".views/{view}"
    await names(remote.list(""))  # from here on the root is known
    transport.titles.clear()
    await names(remote.list(place))
    asked = len(transport.titles)
    assert asked
    await names(remote.list(place))
    clock.now += 59
    await names(remote.list(place))
    assert len(transport.titles) == asked
    await names(remote.list(place, fresh=True))
    assert len(transport.titles) == 2 * asked
    clock.now += 61
    await names(remote.list(place))
    assert len(transport.titles) == 3 * asked


async def test_a_recursive_listing_by_date_fetches_everything_once(remote, month, transport):
    found = await collect(remote.list(".views/by-date", recursive=True))
    assert len([each for each in found if not each.is_folder]) > 500
    assert not [title for title in transport.titles if "search" in title]


async def test_months_that_the_service_writes_in_its_own_way_are_found_all_the_same(remote, door, transport):
    await door.seed("box/a.jpg", jpeg(taken=JUNE))

    def strange(_: Any, answer: Any) -> Any:
        if isinstance(answer, SearchPage) and "time" in answer.aggregations:
            times = tuple(structs.replace(each, match="summer", value=None) for each in answer.aggregations["time"])
            return structs.replace(answer, aggregations={**answer.aggregations, "time": times})
        return answer

    transport.changed = strange
    assert await names(remote.list(".views/by-date")) == ["2019"]
    assert await names(remote.list(".views/by-date/2019")) == ["06"]


# -- a search that lags ------------------------------------------------------------------------------------------------


class Late:
    """Lets searches, counts and the lists of hidden files and of members answer as they did the first time."""

    def __init__(self, transport: CountedTransport) -> None:
        self._first: dict[str, Any] = {}
        transport.changed = self._late

    def _late(self, call: Any, answer: Any) -> Any:
        is_listing = call.path == "search" or call.path.endswith("/children")
        if (is_listing and call.method == "GET") or (call.path == "nodes" and "hidden" in str(call.params)):
            return self._first.setdefault(f"{call.path} {call.params}", answer)
        return answer


async def test_an_index_that_lags_undoes_nothing_that_was_written_here(remote, door, transport, clock):
    ids = [await door.seed(f"box/{name}.jpg", jpeg(taken=JUNE, color=name)) for name in ("red", "blue", "green")]
    Late(transport)
    places = (".views/by-date", ".views/by-date/2019", ".views/by-date/2019/06/30", ".views/favorites", ".views/hidden")

    async def shown(*, fresh: bool) -> list[list[str]]:
        return [await names(remote.list(place, fresh=fresh)) for place in places]

    assert await shown(fresh=True) == [["2019"], ["06"], ["blue.jpg", "green.jpg", "red.jpg"], [], []]
    await remote.mark(NodeId(ids[0]), favorite=True)
    await remote.mark(NodeId(ids[1]), hidden=True)
    await remote.trash(NodeId(ids[2]))
    await remote.put(jpeg(taken=JULY), "box/july.jpg")
    for fresh in (False, True):
        assert await shown(fresh=fresh) == [["2019"], ["06", "07"], ["red.jpg"], ["red.jpg"], ["blue.jpg"]]
        clock.now += 5
    await remote.mark(NodeId(ids[0]), favorite=False)
    await remote.mark(NodeId(ids[1]), hidden=False)
    await remote.trash("box/red.jpg", "box/blue.jpg", "box/july.jpg")
    for fresh in (False, True):
        assert await shown_or_nothing(remote, places, fresh=fresh) == [[], [], [], [], []]
        clock.now += 5


async def shown_or_nothing(remote: AmazonPhotosRemote, places: Any, *, fresh: bool) -> list[list[str]]:
    found = []
    for place in places:
        try:
            found.append(await names(remote.list(place, fresh=fresh)))
        except NotFoundError:
            found.append([])
    return found


async def test_members_that_come_and_go_here_do_so_at_once_though_listings_lag(remote, door, transport, clock):
    one, two = [NodeId(await door.seed(f"box/{each}.jpg", jpeg(color=each))) for each in ("red", "blue")]
    album = await remote.create_album("Rome", members=[one])
    Late(transport)
    place = NodeId(album.id)
    assert await names(remote.list(place, fresh=True)) == ["red.jpg"]
    await remote.add_to_album(place, [two])
    await remote.remove_from_album(place, [one])
    for fresh in (False, True):
        assert await names(remote.list(".views/albums/Rome", fresh=fresh)) == ["blue.jpg"]
        clock.now += 5
    clock.now += 60  # by now the listing is believed, right or wrong
    assert await names(remote.list(place, fresh=True)) == ["red.jpg"]


async def test_what_was_written_stays_seen_after_the_cache_has_dropped_its_note(remote, door, transport, clock):
    node_id = await door.seed("box/a.jpg", jpeg(taken=JUNE))
    Late(transport)
    assert await names(remote.list(".views/favorites")) == []
    clock.now += 1
    await remote.mark(NodeId(node_id), favorite=True)
    clock.now += 40
    await names(remote.list("", fresh=True))  # drops the notes that are older than half a minute
    assert await names(remote.list(".views/favorites")) == ["a.jpg"]


async def test_a_favorite_that_the_index_names_by_what_only_it_knows_stays(remote, app, door, transport):
    node_id = await door.seed("box/a.jpg", jpeg(taken=JUNE))
    with app.state.store.write() as write:
        set_tags(write, node_id, "person", ["P1"])
        write.execute("INSERT OR IGNORE INTO people (id) VALUES ('P1')")
    assert await names(remote.list(".views/search/people:(P1)")) == ["a.jpg"]
    await remote.mark(NodeId(node_id), favorite=True)
    assert await names(remote.list(".views/search/people:(P1)")) == ["a.jpg"]
    assert await names(remote.list(".views/search/people:(P1) favorite:(true)")) == ["a.jpg"]
    await remote.mark(NodeId(node_id), hidden=True)
    assert await names(remote.list(".views/search/people:(P1)")) == []


async def test_what_somebody_else_took_out_of_the_bin_is_not_deleted_by_its_place_in_the_view(
    remote, app, door, tmp_path
):
    await remote.put(b"a", "box/a.txt")
    (row,) = await remote.trash("box/a.txt")
    assert await names(remote.list(".views/trash")) == ["a.txt"]
    other = AmazonPhotosRemote(
        "other",
        Transport(
            Session(load_credentials(tmp_path / "service" / "credentials.json"), Hosts.for_service(URL)), app=app
        ),
        tmp_path / "other",
    )
    async with other:
        await other.restore(NodeId(row.id or ""))
    with pytest.raises(NotInTrashError):
        await remote.delete(".views/trash/a.txt")
    assert await door.peek("box/a.txt") == b"a"


async def test_years_of_photographs_are_not_asked_for_day_by_day(remote, app, transport):
    seed(app.state.store, Order(count=3_000))
    transport.titles.clear()
    files, days = 0, 0
    for year in await collect(remote.list(".views/by-date")):
        for month in await collect(remote.list(year.path)):
            for day in await collect(remote.list(month.path)):
                files, days = files + len(await names(remote.list(day.path))), days + 1
    assert (files, days > 30) == (3_000, True)
    assert len(transport.titles) <= 3_000 // 200 + days // 4
