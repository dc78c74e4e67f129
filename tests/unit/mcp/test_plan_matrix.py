"""Plans, for every tool that takes one: what each permits, to whom, where, for how long, and how often."""

from __future__ import annotations

import pytest
from mcp.server.auth.provider import AccessToken

from ap_remote.model import NodeId
from ap_remote.remote.paths import ALBUMS_VIEW, join
from ap_remote_mcp import principal
from ap_remote_mcp.access import SCOPES
from ap_remote_mcp.policy import plans
from ap_remote_mcp.policy.limits import Limits
from tests.unit.mcp.everything import CHANGING, Person, call, populate, snapshot, told, world


async def marked(made):
    await made.remote.mark(NodeId(made.ids["cat.jpg"]), hidden=True)


async def trashed_anew(made):
    await made.remote.restore(NodeId(made.ids["coffee.jpg"]))
    await made.remote.trash(NodeId(made.ids["coffee.jpg"]))


async def album_renamed(made):
    await made.remote.move(NodeId(made.ids["Rome"]), join(ALBUMS_VIEW, "Rome II"))


async def person_named(made):
    await made.remote.name_person("P1", "Zoe")


async def file_exchanged(made):
    (made.root / "new.jpg").write_bytes((made.root / "newer.jpg").read_bytes())


async def plan_edited(made):
    (file,) = (made.home / "plans").glob(f"{made.plan}.json")
    file.write_text(file.read_text("utf-8").replace(made.ids["cat.jpg"], made.ids["dog.jpg"]), "utf-8")


async def marked_back(made):
    await made.remote.mark(NodeId(made.ids["dog.jpg"]), favorite=False)


def ids(*names):
    return lambda made: {"ids": [made.ids[each] for each in names]}


CAT, DOG, BOTH = ids("cat.jpg"), ids("dog.jpg"), ids("cat.jpg", "dog.jpg")
ROWS = {
    # row: the tool, its arguments, other arguments that its plan does not permit, what changes what it is bound to
    "move": (
        "photos_move",
        lambda made: CAT(made) | {"to": "Pictures/2024"},
        [DOG, BOTH, lambda _: {"to": "Pictures/2022"}, lambda _: {"create": True}],
        marked,
    ),
    "mark": (
        "photos_mark",
        lambda made: CAT(made) | {"favorite": "yes"},
        [ids("cat.jpg", "forum.jpg"), lambda _: {"hidden": "yes"}, lambda _: {"favorite": "keep", "hidden": "yes"}],
        marked,
    ),
    "album create": (
        "photos_album",
        lambda made: CAT(made) | {"action": "create", "album": "New"},
        [DOG, BOTH, lambda _: {"album": "Other"}, lambda _: {"ids": []}, lambda _: {"action": "add", "album": "Rome"}],
        marked,
    ),
    "album add": (
        "photos_album",
        lambda made: CAT(made) | {"action": "add", "album": "Rome"},
        [DOG, BOTH, lambda _: {"album": "Paris"}, lambda _: {"action": "create"}],
        marked,
    ),
    "album remove": (
        "photos_album",
        lambda made: {"action": "remove", "album": made.ids["Rome"], "ids": [made.ids["forum.jpg"]]},
        [CAT, lambda _: {"action": "add"}, lambda _: {"album": "Paris"}],
        album_renamed,
    ),
    "album rename": (
        "photos_album",
        lambda made: {"action": "rename", "album": made.ids["Rome"], "name": "Roma"},
        [lambda _: {"name": "Lazio"}, lambda _: {"album": "Paris"}],
        album_renamed,
    ),
    "person": (
        "photos_person",
        lambda _: {"person": "P1", "name": "Ada"},
        [lambda _: {"name": "Eve"}, lambda _: {"person": "P2"}],
        person_named,
    ),
    "apply_folders": (
        "photos_apply_folders",
        lambda made: {"plan_id": made.plan},
        [lambda made: {"plan_id": made.other_plan}, lambda _: {"only": ["#1"]}, lambda _: {"rename": {"#1": "Other"}}],
        plan_edited,
    ),
    "upload": (
        "photos_upload",
        lambda _: {"paths": ["root1/new.jpg"], "to": "Pictures/New"},
        [
            lambda _: {"paths": ["root1/newer.jpg"]},
            lambda _: {"paths": ["root1/new.jpg", "root1/newer.jpg"]},
            lambda _: {"to": "Pictures/Elsewhere"},
            lambda _: {"dedupe": "keep"},
        ],
        file_exchanged,
    ),
    "download": (
        "photos_download",
        lambda made: CAT(made) | {"to": "root1/out"},
        [
            DOG,
            BOTH,
            lambda _: {"to": "root1/elsewhere"},
            lambda _: {"naming": "id_name"},
            lambda _: {"size": "web"},
            lambda _: {"strip_gps": True},
        ],
        marked,
    ),
    "trash": ("photos_trash", CAT, [DOG, BOTH], marked),
    "restore": (
        "photos_restore",
        ids("coffee.jpg"),
        [ids("undated.jpg"), ids("coffee.jpg", "undated.jpg")],
        trashed_anew,
    ),
    "purge": ("photos_purge", ids("coffee.jpg"), [ids("undated.jpg"), ids("coffee.jpg", "undated.jpg")], trashed_anew),
    "undo": ("photos_undo", lambda made: {"id": made.op}, [lambda made: {"id": made.other_op}], marked_back),
}
NOT_YOURS = {"undo": "[not_found]", "apply_folders": "["}
"""What another caller, or another account's server, says before it looks at the plan."""
AGAIN = {"undo": "[bad_argument] It was taken back", "apply_folders": "[plan_stale] The plan was applied already"}


@pytest.fixture(params=["2026-07-28"])
def era(request):
    """Plans are the same in either era; the tests about questions ask for both."""
    return request.param


@pytest.fixture
async def made(library, tmp_path, make_jpeg):
    built = world(library, tmp_path, make_jpeg)
    await populate(built)
    built.ids["Paris"] = (await built.remote.create_album("Paris")).id
    return built


async def prepare(client, made):
    """Make what ``photos_undo`` and ``photos_apply_folders`` need."""
    for name, by in (("plan", "month"), ("other_plan", "place")):
        setattr(made, name, (await call(client, "photos_suggest_folders", by=by, min_size=2))["plan_id"])
    for name, picture in (("op", "dog.jpg"), ("other_op", "beach.jpg")):
        wish = {"ids": [made.ids[picture]], "favorite": "yes"}
        done = await call(client, "photos_mark", plan=(await call(client, "photos_mark", **wish))["plan"], **wish)
        setattr(made, name, done["op_id"])


async def files(made):
    """Return the files beside the library that a refused call must not make."""
    return sorted(str(each) for each in made.root.rglob("*"))


async def refuses(client, made, tool, arguments, says="[plan_stale]"):
    """Assert that a call is refused and that nothing became of it."""
    before = await snapshot(made.remote), await files(made)
    result = await client.call_tool(tool, arguments)
    assert result.is_error, arguments
    assert told(result).startswith(says), told(result)
    assert (await snapshot(made.remote), await files(made)) == before


def test_the_matrix_has_every_tool_that_takes_a_plan():
    assert {tool for tool, *_ in ROWS.values()} == CHANGING


@pytest.mark.parametrize("row", ROWS)
async def test_a_plan_permits_what_was_shown_to_whom_it_was_shown_and_once(open_client, made, monkeypatch, row):
    tool, wish, others, _ = ROWS[row]
    person = Person()
    async with open_client(server=made.server(), on_question=person) as client:
        await prepare(client, made)
        arguments = wish(made)
        plan = (await call(client, tool, **arguments))["plan"]
        foreign = (await call(client, "photos_mark", ids=[made.ids["forum.jpg"]], favorite="yes"))["plan"]
        person.questions.clear()
        first, last = "B" if plan.startswith("A") else "A", "BB" if plan.endswith("AA") else "AA"
        forgeries = [plan[:-2] + last, first + plan[1:], plan[:30], plan + "A", foreign]
        assert plan not in forgeries
        for forged in forgeries:
            await refuses(client, made, tool, arguments | {"plan": forged})
        for other in others:
            await refuses(client, made, tool, arguments | other(made) | {"plan": plan})
        with monkeypatch.context() as patch:
            eve = AccessToken(token="", client_id="eve", scopes=list(SCOPES))
            patch.setattr(principal, "get_access_token", lambda: eve)
            await refuses(client, made, tool, arguments | {"plan": plan}, NOT_YOURS.get(row, "[plan_stale]"))
        assert person.questions == [], "nobody is asked about what no plan permits"

        done = await call(client, tool, plan=plan, **arguments)
        assert done["op_id"], "the plan was good all the time"
        assert len(set(person.questions)) == 1
        await refuses(client, made, tool, arguments | {"plan": plan}, AGAIN.get(row, "[plan_stale] The plan permits"))
        if row not in AGAIN:
            assert "it was used already" in told(await client.call_tool(tool, arguments | {"plan": plan}))


@pytest.mark.parametrize("row", ROWS)
async def test_a_plan_dies_when_what_it_is_about_changes(open_client, made, row):
    tool, wish, _, changed = ROWS[row]
    async with open_client(server=made.server(), on_question=Person()) as client:
        await prepare(client, made)
        arguments = wish(made)
        plan = (await call(client, tool, **arguments))["plan"]
        await changed(made)
        await refuses(client, made, tool, arguments | {"plan": plan})


@pytest.mark.parametrize("row", ROWS)
async def test_a_plan_is_good_for_nothing_late_elsewhere_or_for_another_account(open_client, made, monkeypatch, row):
    tool, wish, *_ = ROWS[row]
    late = made.server(limits=Limits(unasked_files=0, plan_seconds=0))
    async with open_client(server=late, on_question=Person()) as client:
        # With no time at all even the changes that prepare the rest are refused: they are another server's.
        async with open_client(server=made.server(), on_question=Person()) as other:
            await prepare(other, made)
        arguments = wish(made)
        plan = (await call(client, tool, **arguments))["plan"]
        await refuses(client, made, tool, arguments | {"plan": plan}, "[plan_stale] The plan permits nothing: it has")

    async with open_client(server=made.server(), on_question=Person()) as client:
        plan = (await call(client, tool, **arguments))["plan"]
    async with open_client(server=made.server(), on_question=Person()) as client:
        await refuses(client, made, tool, arguments | {"plan": plan})

    # Under one key only the account tells the two apart.
    monkeypatch.setattr(plans, "process_key", lambda: b"k" * 32)
    async with open_client(server=made.server(), on_question=Person()) as client:
        plan = (await call(client, tool, **arguments))["plan"]
    async with open_client(server=made.server(account="work"), on_question=Person()) as client:
        await refuses(client, made, tool, arguments | {"plan": plan})
    async with open_client(server=made.server(), on_question=Person()) as client:
        assert (await call(client, tool, plan=plan, **arguments))["op_id"]


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("row", ROWS)
async def test_a_plan_is_spent_by_a_no(open_client, made, row):
    tool, wish, *_ = ROWS[row]
    person = Person()
    async with open_client(server=made.server(), on_question=person) as client:
        await prepare(client, made)
        arguments = wish(made)
        plan = (await call(client, tool, **arguments))["plan"]
        person.says = "decline"
        await refuses(client, made, tool, arguments | {"plan": plan}, "[declined]")
        person.says = "accept"
        person.questions.clear()
        await refuses(client, made, tool, arguments | {"plan": plan}, "[plan_stale]")
        assert person.questions == []
