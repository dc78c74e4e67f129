"""When two photographs are one: three different answers.

*exact*: the same bytes. *re-encoded*: perceptual hashes near, cosine at least .98, and not two frames of a burst.
*burst*: frames of one camera with at most three seconds between them, cosine at least .9; where no camera is
told there is none.

The numbers were measured with the offline encoder on eleven photographs of scikit-image. Half the size, JPEG quality
30, or 20 % of brightness leave a phash within 2 bits; a crop of 5 % moves it by 4 to 16, but so does a camera that is
turned by 1 to 2 % between two frames (2 to 14). A crop has another size than its original and a frame has not, so the
hash may differ more where the sizes do. Frames of the same second, of one size, are told from copies by both hashes.
A flat picture has a hash that says nothing; it is compared with none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ap_remote.semantic.near import Frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.measures import Measures

COSINE: Final = 0.98
BURST_COSINE: Final = 0.9
PAUSE: Final = timedelta(seconds=3)
NEAR: Final = 4
"""Bits of phash in which two of one size may differ."""
CROPPED: Final = 12
"""Bits of phash in which two of different sizes may differ."""
SAME_MOMENT: Final = (2, 4)
"""Bits of phash and dhash in which two of one size and one moment may differ."""
FLAT: Final = 1.0
"""Sharpness below which a picture is flat."""


class Looks(NamedTuple):
    """What is compared of photographs, row by row."""

    frames: Frames
    cameras: NDArray[np.int64]
    named: NDArray[np.bool_]
    """Whether the camera is told."""
    phash: NDArray[np.uint64]
    dhash: NDArray[np.uint64]
    sharpness: NDArray[np.float64]
    """Not a number where nothing was measured."""

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        measures: Sequence[Measures | None],
        cameras: dict[tuple[object, ...], int] | None = None,
    ) -> Looks:
        """Return the facts of entries, in their order; *cameras* numbers the cameras, and gets those it lacks."""
        numbers = {} if cameras is None else cameras
        return cls(
            frames=Frames.of(entries),
            cameras=np.asarray([numbers.setdefault(_camera(each), len(numbers)) for each in entries], dtype=np.int64),
            named=np.asarray([_is_named(each) for each in entries], dtype=np.bool_),
            phash=np.asarray([each.phash if each else 0 for each in measures], dtype=np.uint64),
            dhash=np.asarray([each.dhash if each else 0 for each in measures], dtype=np.uint64),
            sharpness=np.asarray([each.sharpness if each else np.nan for each in measures], dtype=np.float64),
        )

    def followed_by(self, more: Looks) -> Looks:
        """Return these rows and *more*, whose cameras have the same numbers."""
        return Looks(
            Frames(*(np.concatenate(pair) for pair in zip(self.frames, more.frames, strict=True))),
            *(np.concatenate(pair) for pair in zip(self[1:], more[1:], strict=True)),
        )

    def comparable(self) -> NDArray[np.bool_]:
        """Return which hashes say something."""
        told: NDArray[np.bool_] = self.sharpness >= FLAT
        return told

    def re_encoded(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each pair of rows whether they may be one picture, if their cosine is enough."""
        bits, gradients = (np.bitwise_count(each[left] ^ each[right]) for each in (self.phash, self.dhash))
        same_size = self.frames.sizes[left] == self.frames.sizes[right]
        same_moment = same_size & (self.frames.moments[left] == self.frames.moments[right])
        near = np.where(same_size, bits <= NEAR, bits <= CROPPED)
        near &= ~same_moment | ((bits <= SAME_MOMENT[0]) & (gradients <= SAME_MOMENT[1]))
        told = self.comparable()
        pause = np.abs(self.frames.moments[left] - self.frames.moments[right])
        follows = (pause > 0) & (pause <= PAUSE.total_seconds())
        one: NDArray[np.bool_] = near & told[left] & told[right] & ~self.frames.apart(left, right) & ~follows
        return one

    def burst(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each pair of rows whether they may be neighbours in a burst, if their cosine is enough."""
        pause = np.abs(self.frames.moments[left] - self.frames.moments[right])
        near = (pause <= PAUSE.total_seconds()) & (self.cameras[left] == self.cameras[right])
        # Without a camera the moment is mostly that of a file, which pictures have that were only saved together.
        told = self.comparable() & self.named
        neighbours: NDArray[np.bool_] = near & told[left] & told[right]
        return neighbours


def _camera(entry: Entry) -> tuple[object, ...]:
    """Return what photographs of one camera share."""
    return (entry.media.make, entry.media.model) if entry.media is not None else (None,)


def _is_named(entry: Entry) -> bool:
    return entry.media is not None and bool(entry.media.make or entry.media.model)
