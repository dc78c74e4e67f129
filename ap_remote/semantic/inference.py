"""Passes of a network over pictures, in batches of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.errors import EncoderError
from ap_remote.semantic.devices import autocast
from ap_remote.semantic.extras import need
from ap_remote.semantic.weights import one_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

BATCH: Final = {"cpu": 16, "mps": 32, "cuda": 256}
"""Pictures in one pass. On a processor more is no faster and waits longer."""


def batch_size(device: str) -> int:
    """Return how many pictures make one pass on *device*."""
    return BATCH[device.partition(":")[0]]


class Passes:
    """Runs a network over any number of pictures and returns unit vectors.

    Off the processor, and where the network is compiled, a pass has one picture or *size* of them: a short one is
    filled up with zeros whose vectors are dropped, so that a graph is compiled and memory is laid out for two shapes
    only. On the processor an eager network takes what there is: to fill a pass up would cost its whole time.
    """

    def __init__(self, network: Callable[[Any], Any], *, device: str, size: int, compiled: bool = False) -> None:
        """Take a network from ``[n, 3, h, w]`` to ``[n, dim]``."""
        self._device = device
        self._size = size
        self._compiled = compiled
        self._fixed = compiled or not device.startswith("cpu")
        self._pinned: Any = None
        self._network = need("torch").compile(network, dynamic=False) if compiled else network

    def __call__(self, pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return float32 unit vectors ``[n, dim]``.

        Raises:
            EncoderError: what came out is no number, or the network cannot be compiled or run.
        """
        return np.concatenate([self._pass(part) for part in self._parts(pictures)])

    def warm(self, shape: tuple[int, ...]) -> None:
        """Run the shapes of a pass over pictures of *shape* once, so that compiling is not counted as encoding."""
        blank = np.zeros(shape, dtype=np.float32)
        for count in sorted({1, self._size}):
            self([blank] * count)

    def _parts(self, pictures: Sequence[NDArray[np.float32]]) -> Iterator[Sequence[NDArray[np.float32]]]:
        for start in range(0, len(pictures), self._size):
            yield pictures[start : start + self._size]

    def _pass(self, pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        torch = need("torch")
        try:
            with torch.inference_mode():
                with autocast(self._device):
                    states = self._network(self._input(pictures))
                # Lengths are taken in float32: bfloat16 has eight bits for them.
                vectors = torch.nn.functional.normalize(states[: len(pictures)].float(), dim=-1)
                found: NDArray[np.float32] = vectors.cpu().numpy()
        except RuntimeError as exc:  # out of memory, no compiler, a shape that does not fit: all of torch's are of this
            hint = "; without --compile it may run" if self._compiled else ""
            message = f"the encoder failed on {self._device}: {one_sentence(exc)}{hint}"
            raise EncoderError(message) from exc
        if not np.isfinite(found).all():
            message = "the encoder's vectors hold what is no number: its weights are damaged"
            raise EncoderError(message)
        return found

    def _input(self, pictures: Sequence[NDArray[np.float32]]) -> Any:
        """Return a tensor on the device, filled up where passes have one shape."""
        torch = need("torch")
        count = self._size if self._fixed and len(pictures) > 1 else len(pictures)
        if not self._device.startswith("cuda"):
            rows = np.zeros((count, *pictures[0].shape), dtype=np.float32)
            np.stack(pictures, out=rows[: len(pictures)])
            return torch.from_numpy(rows).to(self._device).contiguous(memory_format=torch.channels_last)
        shape = (self._size, *pictures[0].shape)
        if self._pinned is None or tuple(self._pinned.shape) != shape:
            self._pinned = torch.zeros(shape, dtype=torch.float32).pin_memory()
        rows = self._pinned.numpy()
        # One buffer is enough: a pass ends with its vectors on this side, so the copy before it has ended too.
        np.stack(pictures, out=rows[: len(pictures)])
        rows[len(pictures) : count] = 0
        pixels = self._pinned[:count].to(self._device, non_blocking=True)
        return pixels.contiguous(memory_format=torch.channels_last)
