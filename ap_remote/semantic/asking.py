"""What a search does before it can ask: encode texts and pictures, read filters, take the first candidates."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ap_remote.errors import EncoderError
from ap_remote.model import NodeId
from ap_remote.semantic import calibration, examples
from ap_remote.semantic.candidates import SPARE, Candidates, Part, rate
from ap_remote.semantic.candidates import question as joined
from ap_remote.semantic.question import show
from ap_remote.semantic.vectors import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.calibration import Calibration, Marks
    from ap_remote.semantic.candidates import Candidate, Negatives
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.question import Wish
    from ap_remote.semantic.serving import Serving
    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.texts import TextVectors


class Asked(NamedTuple):
    """A question, and how it is asked."""

    wish: Wish
    pictures: Sequence[bytes | examples.Photograph]
    query: str
    found: dict[str, list[Entry]] | None
    negatives: Negatives
    limit: int
    is_whole: bool = True
    """Whether all that is found first is looked up, rather than as much as mostly is enough for *limit* answers."""


class Means(NamedTuple):
    """What a question is asked with."""

    serving: Serving
    store: EmbeddingStore
    encoder: Encoder
    texts: TextVectors

    def parts(self, wish: Wish) -> list[Part]:
        """Return the texts of a question, encoded."""
        vectors = self.texts.of(self.encoder, wish.texts)
        return [Part(vector, each.weight, is_text=True) for each, vector in zip(wish.terms, vectors, strict=True)]


class Begun(NamedTuple):
    """A search under way."""

    candidates: Candidates
    first: list[Candidate]
    calibration: Calibration | None


async def pictures(
    remote: Remote, wish: Wish, load: Callable[[], Encoder], known: Callable[[Sequence[str]], set[str]]
) -> list[bytes | examples.Photograph]:
    """Return the pictures that are searched by, those of the remote without their bytes where the index has a vector.

    Args:
        remote: has the photographs that are named by id.
        wish: names the pictures.
        load: gives the encoder; blocks.
        known: tells which contents have a vector; blocks.

    Raises:
        NotFoundError: no such file or photograph.
        IsFolderError: one is a folder.
        EncoderError: one cannot be had.
        StoreError: one cannot be read.
    """
    given: list[bytes | examples.Photograph] = []
    for each in wish.examples:
        if not isinstance(each.like, NodeId):
            given.append(await examples.picture(each.like))
            continue
        found = await examples.photograph(remote, each.like)
        md5 = found.entry.md5
        if md5 is None or not await asyncio.to_thread(known, [md5]):
            found = await examples.fetch(remote, found.entry, await asyncio.to_thread(load))
        given.append(found)
    return given


def begin(asked: Asked, means: Means, kept: Path) -> Begun:
    """Do all of a search that blocks in one go, since each change of thread costs time.

    Raises:
        ConfigError: the parts of the question cancel each other out.
        EncoderError: a picture is none, or the encoder gives none.
    """
    wish, serving = asked.wish, means.serving
    pictures = [
        Part(_looked_at(picture, each.like, means), each.weight, is_text=False)
        for each, picture in zip(wish.examples, asked.pictures, strict=True)
    ]
    photographs = (each.entry for each in asked.pictures if isinstance(each, examples.Photograph))
    question = joined(
        serving,
        [*means.parts(wish), *pictures],
        means.texts.of(means.encoder, calibration.BACKGROUND if wish.terms else ()),
        wanted=str(wish),
        query=asked.query,
        found=asked.found,
        own=frozenset(entry.md5 for entry in photographs if entry.md5 is not None),
        negatives=asked.negatives,
    )
    allowed = None
    if asked.found is not None:
        rows = means.store.catalog.all_rows_of(serving.generation.fingerprint, asked.found)
        allowed = mask(np.asarray(rows, dtype=np.int64), serving.vectors.span)
    candidates = Candidates(serving, question, limit=asked.limit, allowed=allowed)
    calibrated = None if wish.examples else calibration.read(kept).get(show(wish.terms))
    most = None if asked.is_whole else asked.limit + SPARE
    return Begun(candidates, candidates.more(means.store, most), calibrated)


def marks(wish: Wish, nodes: Sequence[str], means: Means) -> dict[str, Marks]:
    """Return what is known of photographs and a question of texts, by their ids; of those that are in the index."""
    rows = dict(means.store.catalog.nodes(means.serving.generation.fingerprint))
    chosen = [node for node in dict.fromkeys(nodes) if node in rows]
    question = joined(
        means.serving,
        means.parts(wish),
        means.texts.of(means.encoder, calibration.BACKGROUND),
        wanted=str(wish),
        query="",
        found=None,
        own=frozenset(),
        negatives="score",
    )
    numbers = np.asarray([rows[node] for node in chosen], dtype=np.int64)
    rated = rate(question, numbers, means.serving.take(numbers))
    return {node: each.marks for node, each in zip(chosen, rated, strict=True)}


def _looked_at(picture: bytes | examples.Photograph, like: Path | bytes | NodeId, means: Means) -> NDArray[np.float32]:
    if isinstance(picture, bytes):
        name = f"{like}" if isinstance(like, Path) else "the picture to search by"
        return examples.encode(means.encoder, picture, name)
    entry = picture.entry
    if picture.fetched is not None:
        return examples.encode(means.encoder, picture.fetched, repr(entry.path), upright=picture.upright)
    md5 = entry.md5 or ""
    row = means.store.catalog.rows_of(means.serving.generation.fingerprint, [md5]).get(md5)
    if row is None:
        message = f"{entry.path!r} cannot be searched by: the index changed at this moment; ask again"
        raise EncoderError(message)
    vector: NDArray[np.float32] = means.serving.take([row])[0]
    return vector
