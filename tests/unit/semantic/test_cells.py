from __future__ import annotations

import warnings

import numpy as np
import pytest

from ap_remote.semantic import cells
from tests.contracts.vector_index import DIM, planted


def _inverted(middles, factory):
    import faiss

    index = faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False
    index.quantizer.add(middles)
    index.train(middles)
    return index


def test_the_middles_of_clusters_are_found():
    truth, noise = np.linalg.qr(np.random.default_rng(1).normal(size=(DIM, DIM)))[0][:5].astype(np.float32), 0.05
    sample = np.repeat(truth, 200, axis=0) + np.random.default_rng(2).normal(size=(1000, DIM), scale=noise / DIM**0.5)
    found = cells.centres(sample.astype(np.float32), 20)
    assert found.shape == (20, DIM)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (found @ truth.T).max(axis=1).min() > 0.99, "every middle lies in a cluster"


def test_a_library_of_copies_has_cells_and_no_warning_is_given():
    one = np.tile(planted(1)[1], (50, 1)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cells.centres(one, 3)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("factory", "share"), [("IVF9,SQfp16", 1.0), ("IVF9,SQ8", 0.95)])
def test_rows_lie_where_a_search_for_them_looks_first(monkeypatch, factory, share):
    """All of them, but for those that a byte a number no longer tells apart."""
    monkeypatch.setattr(cells, "_BLOCK", 64)
    rows, vectors = planted(300)
    wide = vectors.astype(np.float32)
    index = _inverted(cells.centres(wide, 9), factory)
    cells.put(index, wide, rows)
    index.nprobe = 1
    assert index.ntotal == 300
    assert (index.search(wide, 1)[1][:, 0] == rows).mean() >= share
