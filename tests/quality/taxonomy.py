"""Classes of a taxonomy, and how far a calibration keeps its word; on planted vectors, whose classes are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn import metrics

from ap_remote.model import Entry, Kind
from ap_remote.organise.claims import best_of
from ap_remote.organise.classes import find_classes
from ap_remote.organise.fits import BACKGROUND, Phrases, texts_of
from ap_remote.organise.taxonomy import Taxonomy, TaxonomyClass
from ap_remote.semantic.calibration import Marks, fit
from ap_remote.semantic.library import VectorTable
from ap_remote.semantic.vectors import Held
from tests.quality.measures import calibration_error
from tests.quality.report import Figure, Rows
from tests.quality.themes import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ap_remote.organise.groups import Group

DIM = 96
CLASSES = 12
PHOTOS = 3000
SEEDS = (11, 1, 2)
REQUESTED = 0.9
"""The precision that calibrations are asked for."""
SLACK = 0.02
MARKS = 60
"""Photographs that somebody marked: half of them are it."""


class Scene(NamedTuple):
    """Photographs, each in no, one or two classes, and a text for each class."""

    vectors: NDArray[np.float32]
    right: NDArray[np.bool_]
    """``[n, classes]``."""
    texts: NDArray[np.float32]
    background: NDArray[np.float32]


class Sorted(NamedTuple):
    """How well classes were given."""

    macro_f1: float
    precision: float
    recall: float
    coverage: float
    """Photographs of a class that are in one."""
    one_right: float
    """Of photographs that several classes took and that would be moved, those whose folder is right."""
    ambiguous: float
    """Of photographs that several classes took, those that would stay where they are."""


class Sure(NamedTuple):
    """How far calibrations keep their word on photographs that they did not see, the mean over all questions."""

    precision: float
    """Of what is above the threshold, over all questions together."""
    recall: float
    error: float
    """Expected calibration error; 0 is best."""
    unsure: int
    """Questions for which no threshold would do."""


def scene(seed: int = 11) -> Scene:
    """Return planted photographs: as with real encoders, texts lie apart from pictures, and classes have neighbours."""
    random = np.random.default_rng(seed)
    pictures, words = unit(random.normal(size=(2, DIM)))
    families = unit(random.normal(size=(CLASSES // 3, DIM)))
    # Three classes of each family are near each other.
    middles = unit(families[np.arange(CLASSES) % len(families)] + 0.9 * unit(random.normal(size=(CLASSES, DIM))))
    right = random.random((PHOTOS, CLASSES)) < 0.02
    main = random.integers(0, 2 * CLASSES, size=PHOTOS)
    in_one = main < CLASSES
    right[np.flatnonzero(in_one), main[in_one]] = True
    strength = random.uniform(0.3, 1.1, size=(PHOTOS, CLASSES)) * right
    noise = unit(random.normal(size=(PHOTOS, DIM)))
    vectors = unit(0.8 * pictures + strength @ middles + 0.9 * noise)
    texts = unit(0.8 * words + middles + 0.35 * unit(random.normal(size=(CLASSES, DIM))))
    background = unit(words + 0.3 * pictures + 0.3 * unit(random.normal(size=(len(BACKGROUND), DIM))))
    return Scene(vectors, right, texts, background)


def sort(one: Scene) -> Sorted:
    """Sort photographs into classes by prompts alone."""
    classes = tuple(TaxonomyClass(f"class {number}", number + 1, prompts=(f"{number}",)) for number in range(CLASSES))
    taxonomy = Taxonomy("planted", classes)
    places = {text: place for place, text in enumerate(texts_of(taxonomy))}
    phrases = Phrases(places, np.concatenate([one.texts, one.background]))
    entries = {f"n{number}": _entry(number) for number in range(PHOTOS)}
    table = VectorTable(tuple(entries), np.arange(PHOTOS), Held(np.arange(PHOTOS), one.vectors))
    found = find_classes(entries, table, taxonomy, phrases, min_size=1, filtered={})
    given = np.zeros_like(one.right)
    for group in found.groups:
        given[[int(member.entry.id[1:]) for member in group.members], _number(group)] = True
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        one.right, given, average="macro", zero_division=0
    )
    belongs = one.right.any(axis=1)
    best = best_of(found.groups)
    several = given.sum(axis=1) > 1
    folders = {int(id_[1:]): _number(found.groups[at]) for id_, at in best.numbers.items()}
    return Sorted(
        float(f1),
        float(precision),
        float(recall),
        float((given.any(axis=1) & belongs).sum() / belongs.sum()),
        float(np.mean([one.right[row, number] for row, number in folders.items() if several[row]])),
        len(best.tied) / max(1, int(several.sum())),
    )


def calibrate(one: Scene, *, questions: int = CLASSES, seed: int = 1) -> Sure:
    """Calibrate questions, one for a class, by a few marks, and judge it by all other photographs.

    Half of the marks are it; for the error the others are weighed so that half of them are it, too.
    """
    random = np.random.default_rng(seed)
    kept, wrong, all_right, errors, unsure = 0, 0, 0, [], 0
    for number in range(questions):
        cosines = one.vectors @ one.texts[number]
        scores = (cosines - cosines.mean()) / cosines.std()
        margins = cosines - (one.vectors @ one.background.T).max(axis=1)
        facts = np.stack([cosines, scores, margins], axis=1).astype(float).tolist()
        truth = one.right[:, number]
        yes, no = (random.permutation(np.flatnonzero(truth == side)) for side in (True, False))
        marked = [*yes[: MARKS // 2], *no[: MARKS // 2]]
        made = fit(f"{number}", [Marks(*facts[row]) for row in marked], truth[marked].tolist(), precision=REQUESTED)
        unsure += made.threshold > 1
        held = [*yes[MARKS // 2 :], *no[MARKS // 2 :][: len(yes) - MARKS // 2]]
        told = np.asarray([made.probability(Marks(*facts[row])) for row in held])
        passed = told >= made.threshold
        kept += int((passed & truth[held]).sum())
        wrong += int((passed & ~truth[held]).sum())
        all_right += int(truth[held].sum())
        errors.append(calibration_error(told, truth[held]))
    return Sure(kept / max(1, kept + wrong), kept / all_right, float(np.mean(errors)), unsure)


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures, the means over some scenes."""
    scenes = [scene(seed) for seed in SEEDS]
    for field in Sorted._fields:
        value = float(np.mean([getattr(sort(one), field) for one in scenes]))
        yield Figure(quality=f"taxonomy.{field}", value=round(value, 4))
    found = [calibrate(one) for one in scenes]
    precisions = [each.precision for each in found]
    detail = {
        "asked": REQUESTED,
        "marks": MARKS,
        "questions": CLASSES * len(scenes),
        "least": round(min(precisions), 4),
    }
    gate = REQUESTED - SLACK
    yield Figure(quality="calibration.precision", value=round(float(np.mean(precisions)), 4), gate=gate, detail=detail)
    yield Figure(quality="calibration.recall", value=round(float(np.mean([each.recall for each in found])), 4))
    error = float(np.mean([each.error for each in found]))
    yield Figure(quality="calibration.error", value=round(error, 4), falls=True)
    yield Figure(quality="calibration.unsure", value=sum(each.unsure for each in found), unit="questions", falls=True)


def _number(group: Group) -> int:
    return int(group.name.rpartition(" ")[2])


def _entry(number: int) -> Entry:
    name = f"{number:05}.jpg"
    taken = datetime(2024, 1, 1, tzinfo=UTC)
    return Entry(path=name, name=name, id=f"n{number}", kind=Kind.FILE, content_type="image/jpeg", taken=taken)
