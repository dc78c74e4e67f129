"""How well the classes of a taxonomy fit the vectors of an index, all on one scale.

Cosines of different prompts cannot be compared, nor can those of different encoders. What is compared is the logarithm
of the odds that a photograph is of a class. Where ``ap index calibrate`` learned a class's question, that is its
logistic regression. Elsewhere it is by how many standard deviations the photograph is above what is usual in this
library, less :data:`DEVIATIONS`; and a class has what is above 0 and fits it better than every negative and every
background prompt (a plain photo, a random object …). That is no probability, and the plan says so. A ``min_score``
decides who is in a class; it does not change how sure that is.

The question of a class is that of all its prompts, each in quotation marks, in the order of the file:
``"a dog" "a puppy"``. Where nobody calibrated that, it is the first of its prompts that was calibrated alone.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.organise.taxonomy import Taxonomy, TaxonomyClass
    from ap_remote.semantic.calibration import Calibration
    from ap_remote.semantic.library import SemanticIndex, VectorTable

DEVIATIONS: Final = 2.5
"""Standard deviations above what is usual in the library from which a class is given."""
BACKGROUND: Final = ("a photo", "a picture of something", "a random object", "an indoor scene", "an outdoor scene")
"""What every photograph is a little; a class must fit better."""
LEAST_SPREAD: Final = 0.01
"""A cosine's standard deviation in a library of one kind of picture, so that noise does not stand out."""
_CHUNK: Final = 8192
_TOGETHER: Final = 8
"""Classes for which the vectors are read once: each takes up to 12 bytes for a vector meanwhile."""


class Phrases(NamedTuple):
    """The texts of a taxonomy, each once, with their vectors."""

    places: dict[str, int]
    """For each text its row of *vectors*."""
    vectors: NDArray[np.float32]

    def of(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the vectors of some of them."""
        return self.vectors[[self.places[each] for each in texts]]


class Learned(NamedTuple):
    """The calibration that a class goes by."""

    calibration: Calibration
    prompts: tuple[str, ...]
    """The texts of its question."""

    def least(self, wanted: float | None) -> float:
        """Return the probability from which on a share of *wanted* is right; above 1 where no cut is known.

        Where probabilities are right, those of at least *wanted* are right that often; the threshold was found for the
        precision that the calibration was asked for, and holds for less.
        """
        threshold, known = self.calibration.threshold, self.calibration.precision
        if wanted is None or wanted == known:
            return threshold
        return min(threshold, wanted) if wanted < known else max(threshold, wanted)


class Fit(NamedTuple):
    """How well a class fits each row of vectors."""

    cosines: NDArray[np.float32]
    deviations: NDArray[np.float32]
    """By how many standard deviations the cosine is above what is usual."""
    odds: NDArray[np.float32]
    """The logarithm of the odds, natural; comparable between classes."""
    given: NDArray[np.bool_]
    """Which rows are in the class."""


def log_odds(probability: float) -> float:
    """Return the logarithm of the odds of a probability."""
    if not 0 < probability < 1:
        return math.inf if probability >= 1 else -math.inf
    return math.log(probability / (1 - probability))


def probability(odds: float) -> float:
    """Return what has these odds, the inverse of :func:`log_odds`."""
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(max(odds, -700)) / (1 + math.exp(max(odds, -700)))


def texts_of(taxonomy: Taxonomy, learned: Mapping[str, Learned] | None = None) -> list[str]:
    """Return what an encoder has to be asked for a taxonomy, each text once."""
    words = [each for one in taxonomy.classes for each in (*one.prompts, *one.negatives)]
    return list(dict.fromkeys([*words, *BACKGROUND, *(_nothing() if learned else ())]))


async def calibrations(index: SemanticIndex) -> dict[str, Calibration]:
    """Return what ``ap index calibrate`` learned with the index's encoder, by question.

    Raises:
        StoreError: it is damaged.
    """
    from ap_remote.semantic.calibration import place, read

    encoder = await index.encoder()
    return await asyncio.to_thread(read, place(index.folder, encoder.fingerprint))


def learned_of(taxonomy: Taxonomy, known: Mapping[str, Calibration]) -> dict[str, Learned]:
    """Return for each class, by name, the calibration that it goes by, if there is one."""
    found: dict[str, Learned] = {}
    for one in taxonomy.classes:
        for prompts in (one.prompts, *((each,) for each in one.prompts)):
            made = known.get(question_of(prompts))
            if made is not None:
                found[one.name] = Learned(made, prompts)
                break
    return found


def question_of(prompts: Sequence[str]) -> str:
    """Return the question that prompts are together, as a calibration is kept under it."""
    from ap_remote.semantic.question import Term, show

    return show([Term(" ".join(each.split())) for each in prompts])


def fits(
    table: VectorTable, phrases: Phrases, classes: Sequence[TaxonomyClass], learned: Mapping[str, Learned]
) -> Iterator[tuple[TaxonomyClass, Fit | None]]:
    """Yield classes in their order, each with how well the best of its prompts fits; ``None``: nothing is compared."""
    for start in range(0, len(classes), _TOGETHER):
        some = classes[start : start + _TOGETHER]
        asked = [one for one in some if one.prompts] if table.size else []
        sure = [one.name for one in asked if one.name in learned]
        wanted = [phrases.of(one.prompts) for one in asked]
        others = [phrases.of((*one.negatives, *BACKGROUND)) for one in asked]
        questions = [_joined(phrases.of(learned[name].prompts)) for name in sure]
        nothing = [phrases.of(_nothing())] if sure else []
        best = _best(table, [*wanted, *others, *questions, *nothing])
        number = {one.name: place for place, one in enumerate(asked)}
        for one in some:
            place = number.get(one.name)
            if place is None:
                yield one, None
                continue
            odds = None
            if one.name in learned:
                question = best[2 * len(asked) + sure.index(one.name)]
                odds = _learned_odds(learned[one.name].calibration, question, best[-1])
            yield one, _fit(one, best[place], best[place + len(asked)], learned.get(one.name), odds)


def _fit(
    one: TaxonomyClass,
    cosines: NDArray[np.float32],
    others: NDArray[np.float32],
    learned: Learned | None,
    odds: NDArray[np.float32] | None,
) -> Fit:
    import numpy as np

    middle = float(np.median(cosines))
    # The lower half tells the spread: photographs of the class lie above and must not raise the bar for themselves.
    below = cosines[cosines <= middle] - middle
    spread = max(float(np.sqrt(np.mean(below**2))), LEAST_SPREAD)
    deviations = (cosines - middle) / spread
    given = (deviations >= DEVIATIONS) & (cosines > others)
    if one.min_score is not None:
        given = cosines >= one.min_score
    if learned is not None and odds is not None and (one.min_score is None or one.min_precision is not None):
        least = learned.least(one.min_precision)
        sure = odds >= log_odds(least) if least <= 1 else np.zeros_like(given)
        given = sure if one.min_score is None else given & sure
    return Fit(cosines, deviations, deviations - DEVIATIONS if odds is None else odds, given)


def _learned_odds(made: Calibration, cosines: NDArray[np.float32], nothing: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-odds ``[n]`` by a calibration, of the same three facts as a search's.

    A search takes mean and deviation of a sample where the library is large, which makes no difference that counts.
    """
    import numpy as np

    z = (cosines - cosines.mean(dtype=np.float64)) / max(float(cosines.std(dtype=np.float64)), 1e-6)
    weighed = made.weights[0] * cosines + made.weights[1] * z + made.weights[2] * (cosines - nothing) + made.intercept
    odds: NDArray[np.float32] = weighed.astype(np.float32)
    return odds


def _nothing() -> tuple[str, ...]:
    """Return the texts that a calibration's margins are over."""
    from ap_remote.semantic.calibration import BACKGROUND as TEXTS

    return TEXTS


def _joined(texts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``[1, dim]``, the one vector of several texts."""
    import numpy as np

    total = texts.sum(axis=0, keepdims=True)
    joined: NDArray[np.float32] = total / max(float(np.linalg.norm(total)), 1e-12)
    return joined


def _best(table: VectorTable, texts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return ``[len(texts), n]``: how near each vector is to the nearest of each lot of texts."""
    import numpy as np

    best = np.empty((len(texts), table.size), dtype=np.float32)
    start = 0
    for block in table.blocks(_CHUNK) if texts else ():
        for number, lot in enumerate(texts):
            best[number, start : start + len(block)] = (block @ lot.T).max(axis=1)
        start += len(block)
    return best
