"""`AmazonPhotos`, the synchronous face for notebooks: methods of the PyPI client ``amazon-photos``, DataFrames out.

One thin wrapper over the async remote, and no twin of it: ``loop`` runs coroutines in a thread, ``options`` reads what
the constructor takes, ``ids`` what names nodes, ``answers`` says nodes and counts in Amazon's words; a module for each
family of methods stands on ``core``. ``docs/migrating.md`` compares every method with that of the seed.
"""

from __future__ import annotations

from ap_remote.client.answers import Count, Downloaded, Node
from ap_remote.client.ids import GoneWarning
from ap_remote.client.options import RetiredOptionWarning
from ap_remote.client.photos import AmazonPhotos

__all__ = ["AmazonPhotos", "Count", "Downloaded", "GoneWarning", "Node", "RetiredOptionWarning"]
