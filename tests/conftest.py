"""Shared by all tests: failing asserts of the contract suites are explained like those of the tests themselves."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.contracts.{name}"
        for name in ("base", "reading", "writing", "binning", "finding", "abilities", "parcels")
    )
)
