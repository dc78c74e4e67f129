"""Search by meaning: encoders, the store of vectors, the index over it. Importing this loads nothing heavy."""

from __future__ import annotations

from ap_remote.semantic.encoder import Encoder, SupportsLabels
from ap_remote.semantic.library import SemanticIndex
from ap_remote.semantic.registry import load_encoder
from ap_remote.semantic.results import BuildReport, Hit, IndexStatus, ItemFailure, Label

__all__ = [
    "BuildReport",
    "Encoder",
    "Hit",
    "IndexStatus",
    "ItemFailure",
    "Label",
    "SemanticIndex",
    "SupportsLabels",
    "load_encoder",
]
