"""faiss, torch and scikit-learn each bring OpenMP; whichever comes first, all must compute, and rightly."""

from __future__ import annotations

import subprocess
import sys

import pytest

WORK = """
import sys
import numpy as np
from ap_remote.semantic.extras import need
for name in sys.argv[1:]:
    need(name)
faiss, torch, cluster = need("faiss"), need("torch"), need("sklearn.cluster")
rows = np.random.default_rng(0).normal(size=(1500, 32)).astype(np.float32)
for _ in range(2):  # the second time every pool of threads is there
    index = faiss.IndexFlatIP(32)
    index.add(rows)
    _, found = index.search(rows[:50] * 9, 10)
    product = torch.from_numpy(rows[:50] * 9) @ torch.from_numpy(rows).T
    assert np.array_equal(product.argmax(dim=1).numpy(), found[:, 0])
    two = cluster.KMeans(2, n_init=1, random_state=0).fit(np.concatenate([rows[:100], rows[:100] + 50]))
    assert sorted(np.bincount(two.labels_)) == [100, 100]
print("right")
"""


@pytest.mark.parametrize("order", ["faiss torch sklearn.cluster", "torch sklearn.cluster faiss"])
def test_three_libraries_with_openmp_compute_in_one_process_whichever_comes_first(order):
    done = subprocess.run(
        [sys.executable, "-c", WORK, *order.split()], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr
    assert "OMP" not in done.stderr
