"""A timm classifier with the names of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.errors import ConfigError, EncoderError
from ap_remote.semantic.conse import MODEL as LITE0
from ap_remote.semantic.conse import load_network
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.extras import need
from ap_remote.semantic.minilm import offline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

OFFLINE: Final = "offline"
"""EfficientNet-Lite0 with the weights that an installed package brings: needs no model hub."""
_WHAT: Final = "labelling"


class Class(msgspec.Struct, frozen=True, kw_only=True):
    """One class that a model knows."""

    index: int
    name: str
    """Human-readable, words joined by underscores: ``beach_wagon``."""
    synset: str | None = None
    """WordNet's number, for ImageNet's classes."""


class Classifier:
    """Gives a picture's probability for each class.

    Args:
        model: ``offline``, any model of timm with a head of classes (its weights are fetched from the model hub, unless
            *checkpoint* is given), or ``local-dir:FOLDER`` as timm writes one.
        checkpoint: a local file of weights for *model*.
        classes: a file with a name per line, for a head of one's own; else ImageNet's names are used.
        device: ``cuda``, ``cpu`` …; by default CUDA where it is.
    """

    def __init__(
        self,
        model: str = OFFLINE,
        *,
        checkpoint: str | Path | None = None,
        classes: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        """Load nothing yet, but refuse what cannot be loaded.

        Raises:
            ConfigError: a file is missing, or there is nothing in it.
        """
        if model == OFFLINE and checkpoint is not None:
            raise ConfigError("a checkpoint needs the name of its model: --model NAME --checkpoint FILE")
        self.model = model
        self._checkpoint = None if checkpoint is None else _there(checkpoint)
        self._own = None if classes is None else _lines(_there(classes))
        self._wanted = device
        self._device: str | None = None
        self._network: Any = None
        self._transform: Any = None
        self._classes: tuple[Class, ...] = ()

    @property
    def device(self) -> str:
        """Where it computes.

        Raises:
            EncoderError: CUDA was asked for and is not there.
        """
        if self._device is None:
            self._device = pick_device(self._wanted)
        return self._device

    @property
    def classes(self) -> tuple[Class, ...]:
        """What it can tell apart, in the order of its outputs."""
        self.load()
        return self._classes

    @property
    def transform(self) -> Any:
        """From an RGB picture to the model's input: its own data configuration decides."""
        self.load()
        return self._transform

    def load(self) -> None:
        """Read the weights; the second time nothing happens.

        Raises:
            MissingExtraError: a library is not installed.
            EncoderError: no such model, no weights, or not this model's.
        """
        if self._network is not None:
            return
        timm_data = need("timm.data", _WHAT)
        network = self._created()
        if not getattr(network, "num_classes", 0):
            raise EncoderError(f"{self.model} has no classes: it is no classifier")
        self._classes = self._named(network)
        self._transform = timm_data.create_transform(**timm_data.resolve_model_data_config(network), is_training=False)
        self._network = network.eval().to(self.device)

    def prepare(self, image: Image) -> Any:
        """Return the model's input ``[3, height, width]`` for one RGB picture."""
        return self.transform(image)

    def probabilities(self, batch: Sequence[Any]) -> NDArray[Any]:
        """Return ``[n, classes]``, each row of which sums to 1, for what :meth:`prepare` made."""
        self.load()
        torch = need("torch", _WHAT)
        with torch.inference_mode():
            pixels = batch if hasattr(batch, "to") else torch.stack(list(batch))
            shares: NDArray[Any] = self._network(pixels.to(self.device)).float().softmax(dim=1).cpu().numpy()
        return shares

    def _created(self) -> Any:
        if self.model in (OFFLINE, LITE0) and self._checkpoint is None:
            return load_network(device=self.device)
        timm = need("timm", _WHAT)
        options: dict[str, Any] = {} if self._own is None else {"num_classes": len(self._own)}
        try:
            if self._checkpoint is None:
                return timm.create_model(self.model, pretrained=True, **options)
            with offline():
                return timm.create_model(self.model, pretrained=False, checkpoint_path=str(self._checkpoint), **options)
        except Exception as exc:  # timm and the hub raise whatever a name, a file or a connection provokes
            hint = "" if self._checkpoint or self.model.startswith("local-dir:") else _HINT
            raise EncoderError(f"the model {self.model!r} cannot be loaded: {_first(exc)}{hint}") from exc

    def _named(self, network: Any) -> tuple[Class, ...]:
        count = int(network.num_classes)
        if self._own is not None:
            if len(self._own) != count:
                raise EncoderError(f"{self.model} has {count} classes, and {len(self._own)} names were given")
            return tuple(Class(index=index, name=name) for index, name in enumerate(self._own))
        timm_data = need("timm.data", _WHAT)
        subset = timm_data.infer_imagenet_subset(network)
        configured = (getattr(network, "pretrained_cfg", None) or {}).get("label_names")
        if configured and len(configured) == count:
            return tuple(Class(index=index, name=_plain(name)) for index, name in enumerate(configured))
        if subset is None:
            raise EncoderError(
                f"{self.model} has {count} classes whose names are not known: give a file with a name per line"
            )
        info = timm_data.ImageNetInfo(subset)
        return tuple(
            Class(
                index=index,
                name=_plain(str(info.index_to_description(index))),
                synset=str(info.index_to_label_name(index)),
            )
            for index in range(count)
        )


_HINT: Final = " (its weights come from the model hub; a local file is given by --checkpoint, and 'offline' needs none)"


def _plain(description: str) -> str:
    """Return the first of several names, its words joined: ``beach wagon, station wagon`` is ``beach_wagon``."""
    return description.partition(",")[0].strip().replace(" ", "_")


def _there(file: str | Path) -> Path:
    found = Path(file).expanduser()
    if not found.is_file():
        raise ConfigError(f"there is no file {found}")
    return found


def _lines(file: Path) -> tuple[str, ...]:
    names = tuple(line.strip() for line in file.read_text("utf-8").splitlines() if line.strip())
    if not names:
        raise ConfigError(f"{file} names no class")
    return names


def _first(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
