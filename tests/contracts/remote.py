"""The contract of a remote: one test per promise of ``ap_remote/remote/base.py`` and ``features.py``.

A subject subclasses :class:`RemoteContract` and brings three fixtures; a gap is an override with its reason::

    class TestMemoryRemote(RemoteContract):
        @pytest.fixture
        async def remote(self):
            async with MemoryRemote() as remote:
                yield remote

``seed`` and ``peek`` work through a back door, so that no verb is tested by means of itself.
"""

from __future__ import annotations

from tests.contracts.abilities import Albums, Facts, Folders, Marks, Space, Thumbnails
from tests.contracts.binning import Binning
from tests.contracts.finding import Finding
from tests.contracts.parcels import Archives, Assets, Digests
from tests.contracts.reading import Reading
from tests.contracts.words import Covers, Family, Parents, People, Words
from tests.contracts.writing import Writing


class RemoteContract(
    Reading, Writing, Binning, Finding, Facts, Folders, Albums, Marks, Thumbnails, Space, Archives, Digests, Assets
):
    """Everything a remote promises."""


class WordsContract(People, Family, Words, Parents, Covers):
    """What may be written onto entries; its subjects bring ``plant`` as well, to put people on photographs."""
