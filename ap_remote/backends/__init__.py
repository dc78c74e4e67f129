"""Remotes: Amazon Photos, one that lives in memory, and wrappers around any."""

from __future__ import annotations
