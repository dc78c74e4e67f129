"""Weights, signs, filters, cuts, collapsed answers, variety and pages: against brute force where there is one."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, EncoderError, IsFolderError, NotFoundError, StoreError
from ap_remote.model import Media, NodeId
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.calibration import Calibration, Cut, Marks, fit
from ap_remote.semantic.question import Example
from ap_remote.semantic.variety import varied
from tests.unit.semantic.planted import PlantedEncoder, picture, vector

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
COLOURS = [(r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)]


def name(colour):
    return "-".join(map(str, colour))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Twenty-seven colours, of which the filters tell years and favourites."""
    remote = MemoryRemote()
    for number, colour in enumerate(COLOURS):
        taken = datetime(2020 + number % 4, 1 + number % 12, 1, tzinfo=UTC)
        remote.seed(f"{name(colour)}.png", picture(colour), favorite=number % 3 == 0, taken=taken)
    return remote, SemanticIndex(tmp_path_factory.mktemp("index"), PlantedEncoder())


@pytest.fixture
async def built(library):
    remote, index = library
    await index.build(remote)
    return remote, index


def found(answer):
    return [hit.entry.name.removesuffix(".png") for hit in answer.hits]


async def everything(index):
    """Every colour's vector, as the index has it."""
    table = await index.table()
    return table.take(table.rows), table.ids


def rank(scores, names):
    return [names[at] for at in np.argsort(-scores, kind="stable")]


async def test_weights_move_the_question(built):
    remote, index = built
    vectors, ids = await everything(index)
    names = {each.id: each.name.removesuffix(".png") async for each in remote.search("")}
    for red, blue in ((1, 1), (3, 1), (1, 3)):
        query = red * vector((255, 0, 0)) + blue * vector((0, 0, 255))
        expected = np.sort(vectors @ (query / np.linalg.norm(query)))[::-1]
        answer = await index.ask(remote, text=f"red^{red} blue^{blue}", limit=5)
        assert [hit.score for hit in answer.hits] == pytest.approx(expected[:5], abs=2e-3)
    assert set(names) == set(ids)


async def test_pictures_may_have_weights_and_signs_too(built):
    remote, index = built
    red, blue = picture("red"), picture("blue")
    vectors, _ = await everything(index)
    query = vector((255, 0, 0)) + vector((0, 0, 255))
    [hit] = (await index.ask(remote, like=[Example(red), Example(blue)], limit=1)).hits
    assert hit.score == pytest.approx((vectors @ (query / np.linalg.norm(query))).max(), abs=2e-3)
    assert found(await index.ask(remote, like=[Example(red, 9), Example(blue)], limit=1)) == ["255-0-0"]
    without = await index.ask(remote, like=[Example(red), Example(picture("magenta"), -2)], limit=3)
    assert "255-0-255" not in found(without)
    assert "ruled out" in without.hits[0].reason


@pytest.mark.parametrize("text", ["red -yellow", "red^2 lime -blue^3 -yellow", "white -red"])
async def test_what_is_unwanted_lowers_scores_as_if_every_row_were_scored(built, text):
    remote, index = built
    answer = await index.ask(remote, text=text, limit=7)
    whole = await index.ask(remote, text=text, limit=100)
    assert [hit.score for hit in whole.hits] == sorted((hit.score for hit in whole.hits), reverse=True)
    assert [hit.entry.id for hit in answer.hits] == [hit.entry.id for hit in whole.hits[:7]]
    plain = await index.ask(remote, text=" ".join(each for each in text.split() if each[0] != "-"), limit=100)
    before = {hit.entry.id: hit.score for hit in plain.hits}
    assert all(hit.score <= before[hit.entry.id] + 1e-6 for hit in whole.hits)
    assert any("unwanted" in hit.reason for hit in whole.hits)


async def test_plain_subtraction_is_offered(built):
    remote, index = built
    scored = await index.ask(remote, text="red -yellow", limit=27)
    subtracted = await index.ask(remote, text="red -yellow", limit=27, negatives="subtract")
    query = vector((255, 0, 0)) - vector((255, 255, 0))
    vectors, _ = await everything(index)
    expected = np.sort(vectors @ (query / np.linalg.norm(query)))[::-1]
    assert [hit.score for hit in subtracted.hits] == pytest.approx(expected, abs=2e-3)
    assert found(scored) != found(subtracted)
    with pytest.raises(ConfigError, match="cancel"):
        await index.ask(remote, text="red^1 -red", negatives="subtract")


@given(
    years=st.sets(st.integers(2019, 2024), max_size=3),
    favourite=st.sampled_from([None, True, False]),
    kind=st.sampled_from([None, "PHOTOS", "VIDEOS"]),
    limit=st.integers(1, 30),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_filtered_search_is_brute_force_over_what_the_filter_finds(built, years, favourite, kind, limit):
    remote, index = built
    clauses = [f"timeYear:({' OR '.join(map(str, sorted(years)))})"] if years else []
    if favourite is not None:
        clauses.append(f"favorite:({str(favourite).lower()})")
    query = " AND ".join([*clauses, *([f"type:({kind})"] if kind else [])])
    allowed = {entry.id async for entry in remote.search(query)}
    vectors, ids = await everything(index)
    scores = {node: float(row @ vector((255, 0, 0))) for node, row in zip(ids, vectors, strict=True)}
    answer = await index.ask(remote, text="red", query=query, limit=limit)
    got = {hit.entry.id: hit.score for hit in answer.hits}
    assert set(got) <= allowed
    assert len(got) == min(limit, len(allowed))
    best = sorted((scores[node] for node in allowed), reverse=True)[:limit]
    assert sorted(got.values(), reverse=True) == pytest.approx(best, abs=2e-3)


async def test_a_filter_is_answered_offline_where_the_cache_is_complete(built):
    remote, index = built
    asked = []

    class Offline(MemoryRemote):
        def __init__(self, complete):
            self.complete = complete

        def __getattribute__(self, wanted):
            if wanted in ("complete", "search", "search_cached", "complete_since", "count_cached", "told_total"):
                return object.__getattribute__(self, wanted)
            return getattr(remote, wanted)

        def search(self, query="", **options):
            asked.append("service")
            return remote.search(query, **options)

        def search_cached(self, query="", **options):
            asked.append("cache")
            return remote.search(query, **options)

        async def complete_since(self, query=""):
            return 1.0 if self.complete else None

        async def count_cached(self, query=""):
            return 0

        def told_total(self, query=""):
            return None

    answers = [
        found(await index.ask(Offline(complete), text="red", query="favorite:(true)")) for complete in (True, False)
    ]
    assert asked == ["cache", "service"]
    assert answers[0] == answers[1]


async def test_pages_hold_every_answer_once_and_in_order(built):
    remote, index = built
    whole = found(await index.ask(remote, text="red -blue", limit=100))
    pages, cursor = [], ""
    while True:
        answer = await index.ask(remote, text="red -blue", limit=4, cursor=cursor)
        pages += found(answer)
        cursor = answer.cursor
        if not cursor:
            break
    assert pages == whole
    assert len(pages) == len(COLOURS)


async def test_a_cursor_survives_a_new_build_and_the_page_says_so(tmp_path):
    remote = MemoryRemote()
    for level in range(60, 256, 15):
        remote.seed(f"{level}.png", picture((255, 255 - level, 0)))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    first = await index.ask(remote, text="red", limit=5)
    rest = found(await index.ask(remote, text="red", limit=50))[5:]
    remote.seed("nearer.png", picture((255, 1, 0)))
    remote.seed("further.png", picture("blue"))
    await index.build(remote)
    second = await index.ask(remote, text="red", limit=50, cursor=first.cursor)
    assert found(second) == [*rest, "further"]
    assert "changed since the last page" in second.note
    last = await index.ask(remote, text="red", limit=50, cursor=(await index.ask(remote, text="red", limit=1)).cursor)
    assert last.note == ""


@pytest.mark.parametrize("cursor", ["x", "!!", "WzEsMl0", "\ud800"])
async def test_what_is_no_cursor_of_this_question_is_refused(built, cursor):
    remote, index = built
    with pytest.raises(ConfigError, match="cursor"):
        await index.ask(remote, text="red", cursor=cursor)
    other = await index.ask(remote, text="blue", limit=1)
    with pytest.raises(ConfigError, match="another question"):
        await index.ask(remote, text="red", cursor=other.cursor)


async def test_an_empty_answer_says_why(built):
    remote, index = built
    answer = await index.ask(remote, text="red", min_score=1.5)
    assert answer.hits == ()
    assert "cosine of 1.00" in answer.note
    nothing = await index.ask(remote, text="red", query="timeYear:(1999)")
    assert nothing.note == "nothing was found"
    auto = await index.ask(remote, text="red", min_score="auto")
    assert "uncalibrated" in auto.note
    assert not auto.calibrated
    assert all(hit.margin > 0 for hit in auto.hits)


def test_marks_that_allow_no_cut_are_told_with_the_precision_that_was_wanted():
    made = Calibration(
        question="red",
        weights=(1.0, 1.0, 1.0),
        intercept=0.0,
        threshold=2.0,
        precision=0.75,
        held_precision=0.0,
        held_recall=0.0,
        error=0.1,
        marks=20,
    )
    assert "no cut of precision 0.75" in Cut(auto=True, calibration=made).why(Marks(0.5, 1.0, 0.1), 0.9)


async def test_scores_are_weighed_by_this_library(built):
    remote, index = built
    vectors, _ = await everything(index)
    scores = vectors @ vector((255, 0, 0))
    [hit] = (await index.ask(remote, text="red", limit=1)).hits
    assert hit.z == pytest.approx((scores.max() - scores.mean()) / scores.std(), abs=0.02)
    assert hit.margin == pytest.approx(scores.max() - vectors[scores.argmax()] @ vector((128, 127, 129)), abs=0.01)


async def test_marks_make_a_calibration_that_later_searches_use(built):
    remote, index = built
    entries = [each async for each in remote.search("")]
    reddish = [each.id for each in entries if each.name.startswith(("255-0", "255-128-0", "128-0-0"))]
    others = [each.id for each in entries if each.id not in reddish]
    with pytest.raises(ConfigError, match="needs 10"):
        await index.calibrate("red", yes=reddish[:2], no=others)
    warm = [each.id for each in entries if each.name.startswith(("255", "128-0-0", "128-128-0"))]
    made = await index.calibrate(
        "red", yes=warm, no=[each.id for each in entries if each.id not in warm], precision=0.8
    )
    assert made.held_precision >= 0.8
    answer = await index.ask(remote, text="red", min_score="auto", limit=30)
    assert answer.calibrated
    assert answer.note == ""
    assert answer.hits
    assert all(hit.confidence >= made.threshold for hit in answer.hits)
    sure = await index.ask(remote, text="red", confidence=0.999999, limit=30)
    assert len(sure.hits) < len(answer.hits)
    assert not (await index.ask(remote, text="blue", min_score="auto")).calibrated


def test_a_calibration_tells_the_right_from_the_wrong():
    random = np.random.default_rng(1)
    yes = random.random(200) < 0.5
    facts = [
        Marks(cosine, z, margin)
        for cosine, z, margin in zip(
            0.2 + 0.05 * yes + random.normal(0, 0.02, 200),
            yes * 2 + random.normal(0, 0.7, 200),
            0.02 * yes + random.normal(0, 0.01, 200),
            strict=True,
        )
    ]
    made = fit("x", facts, yes.tolist())
    assert made.held_precision >= 0.9
    assert made.held_recall > 0.9
    assert made.error < 0.1
    assert made.probability(Marks(0.3, 3, 0.05)) > 0.95
    assert made.probability(Marks(0.15, -1, -0.02)) < 0.05
    noise = fit("x", facts, (random.random(200) < 0.5).tolist(), precision=1.0)
    assert noise.held_precision in (0, 1)


def photograph(seed, *, shift=0, size=(160, 120), quality=90):
    """A smooth picture that has edges, so that its hashes say something."""
    random = np.random.default_rng(seed)
    small = (random.integers(0, 100, (9, 12, 3)) + np.asarray([150, 60, 0])).astype(np.uint8)
    image = Image.fromarray(small).resize((200, 150), Image.Resampling.BICUBIC)
    image = image.crop((shift, shift, shift + 160, shift + 120)).resize(size)
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


async def test_copies_and_bursts_are_one_answer_where_that_is_asked_for(tmp_path):
    remote = MemoryRemote()
    camera = Media(make="Canon", model="EOS", width=64, height=48)
    remote.seed("a.jpg", photograph(1), taken=NOON, media=camera)
    remote.seed("a again.jpg", photograph(1, quality=70), taken=NOON, media=camera)
    remote.seed("b.jpg", photograph(1, shift=9), taken=NOON + timedelta(seconds=2), media=camera)
    remote.seed("later.jpg", photograph(1, shift=18), taken=NOON + timedelta(minutes=2), media=camera)
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    like = photograph(1, quality=95)
    assert len((await index.ask(remote, like=like)).hits) == 4
    answer = await index.ask(remote, like=like, collapse=True)
    assert sorted(hit.count for hit in answer.hits) == [1, 3]
    [several] = [hit for hit in answer.hits if hit.count == 3]
    assert {several.entry.path, *several.copies, *several.burst} == {"a.jpg", "a again.jpg", "b.jpg"}
    paged = await index.ask(remote, like=like, collapse=True, limit=1)
    second = await index.ask(remote, like=like, collapse=True, limit=1, cursor=paged.cursor)
    assert [*paged.hits, *second.hits] == list(answer.hits)


def test_variety_takes_what_differs_and_none_takes_the_best():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 2]]
    scores = [0.9, 0.89, 0.88, 0.5, 0.4]
    assert varied(scores, vectors, count=3, variety=0) == [0, 1, 2]
    assert varied(scores, vectors, count=3, variety=0.5) == [0, 3, 4]
    assert varied([], np.empty((0, 3), np.float32), count=3, variety=0.5) == []


async def test_a_varied_answer_has_the_best_first_and_one_page(built):
    remote, index = built
    plain = await index.ask(remote, text="red", limit=4)
    answer = await index.ask(remote, text="red", limit=4, variety=0.7)
    assert answer.hits[0].entry.id == plain.hits[0].entry.id
    assert {hit.entry.id for hit in answer.hits} != {hit.entry.id for hit in plain.hits}
    assert answer.cursor == ""
    with pytest.raises(ConfigError, match="one page"):
        await index.ask(remote, text="red", variety=0.7, cursor=plain.cursor)


@pytest.mark.parametrize(
    "options", [{"min_score": "best"}, {"min_score": float("nan")}, {"confidence": 2.0}, {"variety": -1.0}]
)
async def test_an_argument_that_is_none_is_refused(built, options):
    remote, index = built
    with pytest.raises(ConfigError):
        await index.ask(remote, text="red", **options)


async def test_folders_strangers_and_no_answers_at_all(built):
    remote, index = built
    folder = await remote.mkdir("Trips")
    with pytest.raises(IsFolderError):
        await index.ask(remote, like=NodeId(folder.id))
    with pytest.raises(NotFoundError):
        await index.ask(remote, like=NodeId("nobody"))
    assert (await index.ask(remote, text="red", limit=0)).hits == ()
    assert (await index.search(remote, text="red", limit=-3)) == []


async def test_what_is_no_number_is_refused(built, monkeypatch):
    remote, index = built
    monkeypatch.setattr(PlantedEncoder, "encode_texts", lambda self, texts: np.full((len(texts), 16), np.nan))
    with pytest.raises(EncoderError, match="no usable vector"):
        await index.ask(remote, text="a text that was never asked")


async def test_an_empty_index_and_a_swapped_model_say_what_to_do(built, tmp_path):
    remote, index = built
    with pytest.raises(StoreError, match="ap index build"):
        await SemanticIndex(tmp_path, PlantedEncoder()).ask(remote, text="red")
    swapped = SemanticIndex(index.folder, PlantedEncoder("00000000planted9"))
    with pytest.raises(EncoderError, match="ap index build"):
        await swapped.ask(remote, text="red")
