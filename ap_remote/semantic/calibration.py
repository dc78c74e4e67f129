"""Is it really what was asked for? Cosines do not say: they compare within one question only.

What is weighed beside the cosine: by how many standard deviations it is above this library's mean for the same question
(*z*), and how much nearer the picture is to the text than to what says nothing (*margin*). A logistic regression over
the three, fitted to a few dozen marks of the owner (or to what the service itself calls so, ``things:(beach)``), gives
a probability; its threshold is the lowest that had the wanted precision on marks it was not fitted to. Without marks a
fixed rule stands in, and every answer says that it is not calibrated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from ap_remote.errors import ConfigError, StoreError
from ap_remote.semantic.depot import write_file
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BACKGROUND: Final = ("a photo", "a screenshot", "a random object", "a blurry picture", "something")
"""What says nothing about a picture."""
Z: Final = 2.5
"""From here a score stands out where nobody marked anything (semantic-search practice, see the module's text)."""
FEW: Final = 50
"""Pictures below which no score can stand out by :data:`Z` reliably (of *n* none by more than the root of n - 1)."""
PRECISION: Final = 0.9
MARKS: Final = 10
"""Marks of each kind that a fit needs at least."""
_BINS: Final = 10
_FOLDS: Final = 5


class Marks(NamedTuple):
    """What is known of one picture and one question."""

    cosine: float
    z: float
    margin: float | None
    """``None`` for a question without a text."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How probable it is that a picture is what one question asks for."""

    question: str
    weights: tuple[float, float, float]
    """Of cosine, z and margin."""
    intercept: float
    threshold: float
    """The lowest probability that had the wanted precision; above 1 where none had it."""
    precision: float
    """What was wanted."""
    held_precision: float
    """What was had at the threshold, on marks left out of the fit; 0 where no threshold would do."""
    held_recall: float
    error: float
    """Expected calibration error on marks left out of the fit, ten bins."""
    marks: int

    def probability(self, marks: Marks) -> float:
        """Return how probable it is, 0 to 1."""
        weighed = float(np.dot(self.weights, (marks.cosine, marks.z, marks.margin or 0.0))) + self.intercept
        return float(1 / (1 + np.exp(-np.clip(weighed, -60, 60))))


class Cut(NamedTuple):
    """Which answers are given."""

    lowest: float | None = None
    """A cosine."""
    auto: bool = False
    confidence: float | None = None
    """A probability; with a calibration only."""
    calibration: Calibration | None = None
    photographs: int = 0

    def keeps(self, score: float, marks: Marks, confidence: float | None) -> bool:
        """Whether an answer is given."""
        if self.lowest is not None and score < self.lowest:
            return False
        if not self.auto:
            return True
        if self.calibration is not None and confidence is not None:
            wanted = self.calibration.threshold if self.confidence is None else self.confidence
            return confidence >= wanted
        return (marks.margin is None or marks.margin > 0) and (self.photographs < FEW or marks.z >= Z)

    def why(self, best: Marks | None, confidence: float | None) -> str:
        """Return why nothing was found; *best* are those of the nearest picture."""
        if best is None:
            return "nothing was found"
        if self.auto and self.calibration is not None and confidence is not None:
            wanted = self.calibration.threshold if self.confidence is None else self.confidence
            if wanted > 1:
                return f"no picture is sure enough: its marks allow no cut of precision {self.calibration.precision:g}"
            return (
                f"no picture is sure enough: the nearest has a probability of {confidence:.2f}, wanted is {wanted:.2f}"
            )
        told = f"the nearest has a cosine of {best.cosine:.2f}, {best.z:.1f} standard deviations above the mean"
        if self.auto:
            margin = "" if best.margin is None else f" and a margin of {best.margin:+.2f} over what says nothing"
            return f"no picture stands out: {told}{margin}"
        return f"no picture is near enough: {told}"

    @property
    def note(self) -> str:
        """What must be said about this cut, empty where nothing."""
        if not self.auto or self.calibration is not None:
            return ""
        rule = f"z at least {Z:g} and a margin above 0" if self.photographs >= FEW else "a margin above 0 alone"
        few = "" if self.photographs >= FEW else f", as {self.photographs} pictures are too few for more"
        return f"uncalibrated: the cut is {rule}{few}"


def fit(question: str, found: Sequence[Marks], yes: Sequence[bool], *, precision: float = PRECISION) -> Calibration:
    """Fit a calibration to marks.

    Args:
        question: what was asked, as :func:`ap_remote.semantic.question.show` writes it.
        found: of each marked picture.
        yes: whether it is what was asked for.
        precision: which share of what passes the cut should be right.

    Raises:
        ConfigError: too few marks of a kind, or no precision.
        MissingExtraError: scikit-learn is not installed.
    """
    if not 0 < precision <= 1:
        raise ConfigError(f"a precision is above 0 and at most 1: {precision}")
    truth = np.asarray(yes, dtype=np.bool_)
    if min(int(truth.sum()), int((~truth).sum())) < MARKS:
        raise ConfigError(
            f"a calibration needs {MARKS} pictures that are it and {MARKS} that are not; "
            f"there are {int(truth.sum())} and {int((~truth).sum())}"
        )
    # Without types, so brought in one by one.
    linear, selection, pipeline, scaling = (
        need(f"sklearn.{each}", "a calibration")
        for each in ("linear_model", "model_selection", "pipeline", "preprocessing")
    )
    facts = np.asarray([(each.cosine, each.z, each.margin or 0.0) for each in found], dtype=np.float64)
    model: Any = pipeline.make_pipeline(scaling.StandardScaler(), linear.LogisticRegression())
    folds = selection.StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    held = selection.cross_val_predict(model, facts, truth, cv=folds, method="predict_proba")[:, 1]
    threshold, reached, recall = _threshold(held, truth, precision)
    model.fit(facts, truth)
    scaler, line = model[0], model[1]
    weights = line.coef_[0] / scaler.scale_
    return Calibration(
        question=question,
        weights=(float(weights[0]), float(weights[1]), float(weights[2])),
        intercept=float(line.intercept_[0] - weights @ scaler.mean_),
        threshold=threshold,
        precision=precision,
        held_precision=reached,
        held_recall=recall,
        error=_error(held, truth),
        marks=len(truth),
    )


def place(folder: Path, fingerprint: str) -> Path:
    """Return where an index in *folder* keeps what was calibrated with an encoder."""
    return folder / "calibration" / f"{fingerprint}.json"


def read(file: Path) -> dict[str, Calibration]:
    """Return the calibrations kept in *file*, by question.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Calibration])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        message = f"{file} cannot be read ({exc}); delete it, and calibrate anew"
        raise StoreError(message) from exc


def keep(file: Path, made: Calibration) -> None:
    """Keep a calibration beside the others.

    Raises:
        StoreError: it cannot be written.
    """
    known = {**read(file), made.question: made}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        message = f"cannot write {file}: {exc.strerror or exc}"
        raise StoreError(message) from exc
    write_file(file, msgspec.json.encode(known))


def _threshold(held: NDArray[np.float64], truth: NDArray[np.bool_], precision: float) -> tuple[float, float, float]:
    """Return the lowest probability from which on the share of right ones is enough, that share, and the recall."""
    order = np.argsort(-held, kind="stable")
    right = np.cumsum(truth[order])
    shares = right / np.arange(1, len(order) + 1)
    last = np.append(held[order][1:] < held[order][:-1], True)  # a threshold cannot part what is equal
    good = np.flatnonzero((shares >= precision) & last)
    if not len(good):
        return 2.0, 0.0, 0.0
    at = int(good[-1])
    return float(held[order][at]), float(shares[at]), float(right[at] / truth.sum())


def _error(held: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    bins = np.minimum((held * _BINS).astype(np.int64), _BINS - 1)
    gaps = [
        np.count_nonzero(bins == one) * abs(float(held[bins == one].mean()) - float(truth[bins == one].mean()))
        for one in np.unique(bins)
    ]
    return float(sum(gaps) / len(truth))
