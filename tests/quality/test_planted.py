"""What organising and search are worth where all is known: nothing falls by more than a point below what it was."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality import events, neighbours, taxonomy, themes, thumbnails
from tests.quality.measures import boundary_rates, clustering, ranking, window_diff

POINT = 0.01


def test_measures_are_right_where_the_answer_is_known():
    made = ranking([[False, True, False], [True, False, False]])
    assert (made.first, made.mrr, made.within_5) == (0.5, 0.75, 1.0)
    assert boundary_rates([10, 21, 50], [10, 20], tolerance=1) == (2 / 3, 1.0)
    assert boundary_rates([20, 21], [20], tolerance=1) == (0.5, 1.0), "a border counts once"
    assert window_diff([5], [5], 20) == 0
    cosines = np.arange(40.0).reshape(2, 20)
    assert (thumbnails.overlap(cosines, cosines + 1), thumbnails.overlap(cosines, -cosines)) == (1.0, 0.0)
    assert window_diff([], [10], 20) > 0
    exact = clustering(np.asarray([0, 0, 1, 1, -1]), np.asarray([7, 7, 3, 3, -1]))
    assert (exact.ari, exact.purity, exact.coverage, exact.groups) == (1.0, 1.0, 1.0, 2)


@pytest.mark.parametrize(("kind", "f1", "ami"), [("plain", 0.961, 0.990), ("two cameras", 0.930, 0.986)])
def test_events_have_the_borders_that_they_had(kind, f1, ami):
    one, other = events.measure(kind, seeds=1)
    assert one.f1 >= f1 - POINT
    assert one.ami >= ami - POINT
    assert one.f1 > other.f1


def test_planted_themes_are_found():
    made = themes.find_planted(themes.planted(40, 3000))
    assert made.ari >= 0.988 - POINT
    assert made.ami >= 0.991 - POINT
    assert made.purity >= 0.995 - POINT
    assert made.coverage >= 0.997 - POINT


def test_classes_and_calibrations_keep_their_word():
    one = taxonomy.scene(1)
    given = taxonomy.sort(one)
    assert given.macro_f1 >= 0.677 - POINT
    assert given.coverage >= 0.849 - POINT
    assert given.one_right >= 0.998 - POINT
    assert given.ambiguous <= 0.063 + POINT
    sure = taxonomy.calibrate(one, questions=6)
    assert sure.precision >= taxonomy.REQUESTED - taxonomy.SLACK
    assert sure.error <= 0.048 + POINT


@pytest.mark.parametrize("name", ["exact", "ivf", "ivf-sq8"])
def test_indexes_find_the_nearest_with_and_without_filters(name):
    held, questions = neighbours.planted(2500)
    one = neighbours.tuned(neighbours.index(held, name), held, questions)
    least = neighbours.LEAST.get(name, 1.0)
    found = one.search(questions, neighbours.NEIGHBOURS).rows
    assert one.tier.effort <= 32
    assert neighbours.overlap(found, neighbours.brute(held, questions)) >= least
    for share, recall in neighbours.filtered(one, held, questions):
        assert recall >= least, share
