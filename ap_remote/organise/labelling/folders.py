"""A folder of pictures, copied into folders by label."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.errors import ConfigError
from ap_remote.organise.labelling.choice import Choice, Labeller, NamingStyle, Predicate
from ap_remote.organise.labelling.classifier import Class, Classifier
from ap_remote.semantic.extras import need
from ap_remote.semantic.thumbnails import UnreadableError, decode
from ap_remote.transfer.localnames import distinct, local_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_log: Final = logging.getLogger(__name__)
_MANIFEST: Final = ".ap-labels.json"
_SIDE: Final = 1024
"""Pixels to which a picture is decoded before the model's own transform cuts its square out of it."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one file."""

    source: str
    result: Literal["copied", "unlabelled", "unreadable", "failed"]
    label: Class | None = None
    score: float = 0.0
    target: str = ""
    reason: str = ""


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all files, in the order of their paths."""

    rows: tuple[Labelled, ...]
    removed: int = 0
    """Copies of an earlier run that made way for this one."""
    kept: tuple[str, ...] = ()
    """Copies of an earlier run that somebody has changed since, and that therefore stayed."""

    def counts(self) -> dict[str, int]:
        """Return how many files each label got, the most frequent first."""
        found: dict[str, int] = {}
        for row in self.rows:
            if row.label is not None and row.result == "copied":
                found[row.label.name] = found.get(row.label.name, 0) + 1
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


class _Copy(msgspec.Struct, frozen=True):
    """A file that an earlier run made, as it left it."""

    path: str
    size: int
    mtime_ns: int


class _Manifest(msgspec.Struct, frozen=True):
    copies: tuple[_Copy, ...] = ()
    format: int = 1


def run(
    model_name: str | Classifier,
    path_in: str | Path,
    path_out: str | Path,
    *,
    thresh: float = 0.9,
    topk: int = 5,
    exclude: Predicate | None = None,
    restrict: Predicate | None = None,
    dataloader_options: Mapping[str, Any] | None = None,
    accumulate: bool = True,
    device: str | None = None,
    naming_style: NamingStyle = "name",
    debug: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> LabelReport:
    """Copy pictures into a folder for each label; the originals stay.

    The arguments, their names and their defaults are the seed client's, but for two defaults: *accumulate* really
    decides whether earlier copies stay (there it was ignored, which is the same as ``True``), and *device* is CUDA
    where it is and the processor elsewhere.

    Args:
        model_name: as :class:`Classifier` takes it, or a classifier.
        path_in: every file below it is looked at; *path_out* is left out where it lies inside.
        path_out: made if need be; holds ``LABEL/NAME``. Two files of one name get different ones.
        thresh: the least probability.
        topk: how many classes are looked at, the most probable first.
        exclude: a predicate on the human name; true passes a class over.
        restrict: the same; false passes a class over.
        dataloader_options: for :class:`torch.utils.data.DataLoader`.
        accumulate: false removes the copies that earlier runs made in *path_out*, and nothing else.
        device: where to compute.
        naming_style: ``name``, ``synset`` or ``index``.
        debug: 1 logs each choice.
        progress: told how many files are done, and of how many.

    Raises:
        ConfigError: a folder or an option makes no sense.
        EncoderError: the model cannot be loaded.
        MissingExtraError: torch or timm is not installed.
    """
    source, target = Path(path_in).expanduser(), Path(path_out).expanduser()
    _check(source, target, accumulate=accumulate)
    classifier = model_name if isinstance(model_name, Classifier) else Classifier(model_name, device=device)
    labeller = Labeller(
        classifier, thresh=thresh, topk=topk, exclude=exclude, restrict=restrict, naming_style=naming_style
    )
    classifier.load()
    known = _read(target)
    removed, kept = (0, ()) if accumulate else _clear(target, known)
    target.mkdir(parents=True, exist_ok=True)
    copies = [each for each in known.copies if accumulate or each.path in kept]
    shelf = _Shelf(target, labeller, copies)
    files = list(_files(source, target))
    rows = []
    try:
        for file, choice, reason in _chosen(files, labeller, dict(dataloader_options or {})):
            rows.append(shelf.take(file, choice, reason))
            if debug:
                _log.info("%s: %s %.3f", file, rows[-1].label.name if rows[-1].label else "-", rows[-1].score)
            if progress is not None:
                progress(len(rows), len(files))
    finally:
        shelf.keep()
    return LabelReport(rows=tuple(sorted(rows, key=lambda row: row.source)), removed=removed, kept=kept)


class _Pictures:
    """A data set of files. Its items are made in a worker's process, on the processor."""

    def __init__(self, files: list[Path], transform: Any) -> None:
        self._files = files
        self._transform = transform

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[int, Any, str]:
        """Return which file it is, and the model's input or why there is none."""
        try:
            return index, self._transform(decode(self._files[index].read_bytes(), size=_SIDE)), ""
        except (UnreadableError, OSError) as exc:
            return index, None, str(exc)


def _batch(items: list[tuple[int, Any, str]]) -> tuple[list[int], Any, list[tuple[int, str]]]:
    """Stack what could be read; what could not takes nobody along."""
    good = [(index, pixels) for index, pixels, _ in items if pixels is not None]
    bad = [(index, reason) for index, pixels, reason in items if pixels is None]
    stacked = need("torch").stack([pixels for _, pixels in good]) if good else None
    return [index for index, _ in good], stacked, bad


def _chosen(
    files: list[Path], labeller: Labeller, options: dict[str, Any]
) -> Iterator[tuple[Path, Choice | None, str]]:
    if not files:
        return
    if "collate_fn" in options:
        raise ConfigError("collate_fn is not yours to choose: it keeps unreadable pictures out of a batch")
    if not labeller.classifier.device.startswith("cuda"):
        options.pop("pin_memory", None)  # there is nothing to pin for
    data = need("torch.utils.data")
    pictures = _Pictures(files, labeller.classifier.transform)
    for good, pixels, bad in data.DataLoader(pictures, collate_fn=_batch, **options):
        for index, reason in bad:
            yield files[index], None, reason
        if pixels is not None:
            for index, choice in zip(good, labeller.choices(pixels), strict=True):
                yield files[index], choice, ""


class _Shelf:
    """The folders that copies go into, and what was made there."""

    def __init__(self, folder: Path, labeller: Labeller, copies: list[_Copy]) -> None:
        self._folder = folder
        self._labeller = labeller
        self._copies = {copy.path: copy for copy in copies}

    def take(self, file: Path, choice: Choice | None, reason: str) -> Labelled:
        """Copy a file to its label's folder and say so."""
        if choice is None:
            return Labelled(
                source=str(file),
                result="unreadable" if reason else "unlabelled",
                reason=reason or f"no class reaches {self._labeller.thresh:g}",
            )
        row = Labelled(source=str(file), result="copied", label=choice.label, score=round(choice.score, 6))
        try:
            place = _copied(file, self._folder / local_name(self._labeller.folder(choice.label)))
            facts = place.stat()
        except OSError as exc:
            return msgspec.structs.replace(row, result="failed", reason=exc.strerror or str(exc))
        path = place.relative_to(self._folder).as_posix()
        self._copies[path] = _Copy(path, facts.st_size, facts.st_mtime_ns)
        return msgspec.structs.replace(row, target=str(place))

    def keep(self) -> None:
        """Write down what was made, by which a later run knows it."""
        write_atomically(self._folder / _MANIFEST, msgspec.json.encode(_Manifest(tuple(self._copies.values()))))


def _copied(file: Path, folder: Path) -> Path:
    """Copy a file into a folder, unless the same copy is there; another file of its name keeps its place."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    while True:
        place = folder / distinct(file.name, taken)
        if not os.path.lexists(place):
            partial = folder / f".{os.getpid()}.partial"
            try:
                shutil.copy2(file, partial)
                partial.replace(place)
            finally:
                partial.unlink(missing_ok=True)
            return place
        if _same(file, place):
            return place


def _same(file: Path, place: Path) -> bool:
    import filecmp

    return place.is_file() and filecmp.cmp(file, place, shallow=False)


def _files(source: Path, target: Path) -> Iterator[Path]:
    inside = target.resolve()
    for parent, folders, names in os.walk(source, onerror=_stop):
        folders[:] = sorted(name for name in folders if Path(parent, name).resolve() != inside)
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file():
                yield file


def _stop(error: OSError) -> None:
    """A folder that cannot be read must not look empty."""
    raise error


def _check(source: Path, target: Path, *, accumulate: bool) -> None:
    if not source.is_dir():
        raise ConfigError(f"{source} is no folder")
    if target.resolve() == source.resolve():
        raise ConfigError("the labelled copies need a folder of their own")
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is no folder")
    if not accumulate and target.is_dir() and any(target.iterdir()) and not (target / _MANIFEST).is_file():
        raise ConfigError(
            f"{target} is not empty, and nothing in it says that labelling made it: nothing was removed; "
            "choose another folder, or accumulate"
        )


def _read(target: Path) -> _Manifest:
    file = target / _MANIFEST
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except FileNotFoundError:
        return _Manifest()
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file} is damaged, so what labelling made in {target} is not known: {exc}") from exc


def _clear(target: Path, known: _Manifest) -> tuple[int, tuple[str, ...]]:
    """Remove the copies that earlier runs made and nobody has changed; return how many, and which stayed."""
    removed = 0
    kept = []
    for copy in known.copies:
        place = target / copy.path
        if not place.resolve().is_relative_to(target.resolve()) or not place.is_file():
            continue
        facts = place.stat()
        if (facts.st_size, facts.st_mtime_ns) != (copy.size, copy.mtime_ns):
            kept.append(copy.path)
            continue
        place.unlink()
        removed += 1
        if place.parent != target and not any(place.parent.iterdir()):
            place.parent.rmdir()
    return removed, tuple(kept)
