"""Which of its classes a photograph is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np

from ap_remote.errors import ConfigError
from ap_remote.organise.labelling.classifier import Class, Classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

NamingStyle = Literal["name", "synset", "index"]
"""How a label's folder or album is called: ``beach_wagon``, ``n02814533`` or ``436``."""

Predicate = Callable[[str], object]
"""Gets a class's human name, whatever the naming style; its answer counts as true or false."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The class that a photograph is given, and how sure the model is."""

    label: Class
    score: float
    """0 to 1."""


class Labeller:
    """A classifier with the wishes of a person.

    Args:
        classifier: gives probabilities.
        thresh: the least probability, 0 to 1.
        topk: how many of the most probable classes are looked at; more than there are is all.
        exclude: classes for which it is true are passed over.
        restrict: classes for which it is false are passed over.
        naming_style: how labels are called.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        thresh: float = 0.9,
        topk: int = 5,
        exclude: Predicate | None = None,
        restrict: Predicate | None = None,
        naming_style: NamingStyle = "name",
    ) -> None:
        """Keep the wishes.

        Raises:
            ConfigError: one of them makes no sense.
        """
        if not 0 <= thresh <= 1:
            raise ConfigError(f"the threshold is a probability, 0 to 1, not {thresh}")
        if topk < 1:
            raise ConfigError(f"at least one class must be looked at, not {topk}")
        if naming_style not in get_args(NamingStyle):
            raise ConfigError(f"unknown naming style {naming_style!r}; known are {', '.join(get_args(NamingStyle))}")
        self.classifier = classifier
        self.thresh = thresh
        self.topk = topk
        self._exclude = exclude
        self._restrict = restrict
        self._style = naming_style

    def choices(self, batch: Sequence[Any]) -> list[Choice | None]:
        """Return the choice for each prepared picture, or ``None`` where no class fits."""
        shares = self.classifier.probabilities(batch)
        classes = self.classifier.classes
        return [
            choose(row, classes, thresh=self.thresh, topk=self.topk, exclude=self._exclude, restrict=self._restrict)
            for row in shares
        ]

    def folder(self, label: Class) -> str:
        """Return what a label's folder or album is called.

        Raises:
            ConfigError: this class has no synset.
        """
        if self._style == "index":
            return str(label.index)
        if self._style == "synset":
            if label.synset is None:
                raise ConfigError(f"{self.classifier.model} does not tell synsets: name labels by name or index")
            return label.synset
        return label.name


def choose(
    shares: NDArray[Any],
    classes: Sequence[Class],
    *,
    thresh: float,
    topk: int,
    exclude: Predicate | None = None,
    restrict: Predicate | None = None,
) -> Choice | None:
    """Return the most probable class, among the *topk* first, that no predicate passes over, if it reaches *thresh*."""
    for index in np.argsort(-shares, kind="stable")[:topk]:
        label = classes[int(index)]
        if (exclude is not None and exclude(label.name)) or (restrict is not None and not restrict(label.name)):
            continue
        score = float(shares[index])
        return Choice(label=label, score=score) if score >= thresh else None
    return None
