"""Photographs by the label that a classifier gives them: copied to folders, or planned as albums.

The seed client's ``run(...)`` without its defects. Importing this loads nothing heavy.
"""

from __future__ import annotations

from ap_remote.organise.labelling.choice import Choice, Labeller, NamingStyle, choose
from ap_remote.organise.labelling.classifier import OFFLINE, Class, Classifier
from ap_remote.organise.labelling.folders import Labelled, LabelReport, run

__all__ = [
    "OFFLINE",
    "Choice",
    "Class",
    "Classifier",
    "LabelReport",
    "Labelled",
    "Labeller",
    "NamingStyle",
    "choose",
    "run",
]
