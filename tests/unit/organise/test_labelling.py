"""Labels: the choice, the copies, the albums; with real weights on real photographs, and with a small checkpoint."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote import organise
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, EncoderError
from ap_remote.organise.labelling import Class, Classifier, Labeller, choose, run
from tests.contracts.pictures import jpeg
from tests.lazily import Lazily

timm, torch = Lazily("timm"), Lazily("torch")
pytestmark = pytest.mark.skipif(
    find_spec("timm") is None or find_spec("torch") is None, reason="the extra `semantic` is not installed"
)

NAMES = ("beach_wagon", "sand_bar", "boat_house", "ocean_liner")
CLASSES = tuple(Class(index=index, name=name, synset=f"n{index:08}") for index, name in enumerate(NAMES))


class Colours(Classifier):
    """Tells red, green and blue apart, by the mean of each channel."""

    def __init__(self) -> None:
        super().__init__("offline")
        self.model = "colours"
        self._device = "cpu"
        self._classes = tuple(Class(index=index, name=name) for index, name in enumerate(("red", "green", "blue")))
        self._transform = _mean
        self._network = SimpleNamespace()

    def probabilities(self, batch):
        values = np.stack([np.asarray(each) for each in batch])
        return values / values.sum(axis=1, keepdims=True)


def _mean(image):
    return torch.tensor(np.asarray(image, dtype=np.float32).mean(axis=(0, 1)) + 1)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    top = tmp_path / "in"
    for folder, name, color in (
        ("", "a.jpg", (250, 0, 0)),
        ("one", "a.jpg", (240, 10, 0)),
        ("two", "b.jpg", (0, 250, 0)),
        ("two", "grey.jpg", (100, 100, 100)),
    ):
        (top / folder).mkdir(parents=True, exist_ok=True)
        (top / folder / name).write_bytes(jpeg(color=color))
    (top / "broken.jpg").write_bytes(b"no picture")
    (top / "notes.txt").write_text("words")
    return top


def made(folder: Path) -> list[str]:
    return sorted(
        each.relative_to(folder).as_posix()
        for each in folder.rglob("*")
        if each.is_file() and each.name != ".ap-labels.json"
    )


# -- the choice --------------------------------------------------------------------------------------------------------


def pick(*shares, **wishes):
    found = choose(np.array(shares), CLASSES, **{"thresh": 0.0, "topk": 5, **wishes})
    return found and found.label.name


def test_the_most_probable_class_is_chosen_if_it_is_sure_enough():
    assert pick(0.1, 0.6, 0.2, 0.1) == "sand_bar"
    assert pick(0.1, 0.6, 0.2, 0.1, thresh=0.6) == "sand_bar"
    assert pick(0.1, 0.6, 0.2, 0.1, thresh=0.61) is None


def test_predicates_see_human_names_within_the_window():
    no_boats = lambda name: re.search("boat|ocean", name, flags=re.IGNORECASE)  # noqa: E731 - as in the documentation
    sand = lambda name: re.search("sand|beach", name, flags=re.IGNORECASE)  # noqa: E731
    assert pick(0.1, 0.2, 0.4, 0.3, exclude=no_boats) == "sand_bar"
    assert pick(0.1, 0.2, 0.4, 0.3, restrict=sand) == "sand_bar"
    assert pick(0.1, 0.2, 0.4, 0.3, restrict=sand, topk=2) is None
    assert pick(0.1, 0.2, 0.4, 0.3, restrict=sand, exclude=sand) is None


def test_a_window_larger_than_the_classes_is_all_of_them():
    assert pick(0.1, 0.2, 0.4, 0.3, restrict=lambda name: name == "beach_wagon", topk=1000) == "beach_wagon"


@given(
    st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    st.floats(0, 1),
    st.integers(1, 9),
    st.sets(st.sampled_from(NAMES)),
)
@settings(max_examples=60)
def test_a_choice_keeps_every_promise(shares, thresh, topk, excluded):
    row = np.array(shares)
    found = choose(row, CLASSES, thresh=thresh, topk=topk, exclude=lambda name: name in excluded)
    if found is not None:
        assert found.label.name not in excluded
        assert found.score == row[found.label.index] >= thresh
        assert sum(row > found.score) < topk


@pytest.mark.parametrize("wish", [{"thresh": 1.5}, {"topk": 0}, {"naming_style": "colour"}])
def test_a_wish_that_makes_no_sense_is_refused(wish):
    with pytest.raises(ConfigError):
        Labeller(Colours(), **wish)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_pictures_are_copied_to_their_labels_and_equal_names_keep_both(pictures, tmp_path):
    before = {each: each.read_bytes() for each in pictures.rglob("*") if each.is_file()}
    report = run(Colours(), pictures, tmp_path / "out", thresh=0.5)
    assert made(tmp_path / "out") == ["green/b.jpg", "red/a (1).jpg", "red/a.jpg"]
    assert {(tmp_path / "out" / "red" / name).read_bytes() for name in ("a.jpg", "a (1).jpg")} == {
        before[pictures / "a.jpg"],
        before[pictures / "one" / "a.jpg"],
    }
    assert {each: each.read_bytes() for each in before} == before
    assert report.counts() == {"red": 2, "green": 1}
    assert [(Path(row.source).name, row.result) for row in report.rows if row.result != "copied"] == [
        ("broken.jpg", "unreadable"),
        ("notes.txt", "unreadable"),
        ("grey.jpg", "unlabelled"),
    ]


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"batch_size": 2, "num_workers": 2, "pin_memory": True}])
def test_an_unreadable_picture_takes_nobody_along(pictures, tmp_path, options):
    report = run(Colours(), pictures, tmp_path / "out", thresh=0.5, dataloader_options=options)
    assert report.counts() == {"red": 2, "green": 1}


def test_a_second_run_accumulates_without_copying_twice(pictures, tmp_path):
    run(Colours(), pictures, tmp_path / "out", thresh=0.5)
    (pictures / "new.jpg").write_bytes(jpeg(color=(0, 0, 250)))
    run(Colours(), pictures, tmp_path / "out", thresh=0.5)
    assert made(tmp_path / "out") == ["blue/new.jpg", "green/b.jpg", "red/a (1).jpg", "red/a.jpg"]


def test_without_accumulating_only_untouched_copies_of_ours_go(pictures, tmp_path):
    out = tmp_path / "out"
    run(Colours(), pictures, out, thresh=0.5)
    (out / "red" / "a.jpg").write_bytes(b"edited by hand")
    (out / "mine.txt").write_text("mine")
    report = run(Colours(), pictures, out, thresh=0.5, restrict=lambda name: name == "green", accumulate=False)
    assert made(out) == ["green/b.jpg", "mine.txt", "red/a.jpg"]
    assert report.removed == 2
    assert report.kept == ("red/a.jpg",)


def test_a_strangers_folder_is_never_cleared(pictures, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    with pytest.raises(ConfigError, match="nothing was removed"):
        run(Colours(), pictures, out, accumulate=False)
    assert made(out) == ["precious.txt"]


def test_a_manifest_cannot_lead_out_of_its_folder(pictures, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    facts = outside.stat()
    copy = f'{{"path":"../outside.txt","size":{facts.st_size},"mtime_ns":{facts.st_mtime_ns}}}'
    (out / ".ap-labels.json").write_text(f'{{"copies":[{copy}],"format":1}}')
    run(Colours(), pictures, out, thresh=0.5, accumulate=False)
    assert outside.exists()


def test_copies_that_lie_inside_the_source_are_not_labelled_again(pictures):
    run(Colours(), pictures, pictures / "labelled", thresh=0.5)
    run(Colours(), pictures, pictures / "labelled", thresh=0.5)
    assert made(pictures / "labelled") == ["green/b.jpg", "red/a (1).jpg", "red/a.jpg"]


@pytest.mark.parametrize(("style", "folder"), [("index", "0"), ("name", "red")])
def test_folders_are_named_as_wished(pictures, tmp_path, style, folder):
    run(Colours(), pictures, tmp_path / "out", thresh=0.5, naming_style=style)
    assert f"{folder}/a.jpg" in made(tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_row(pictures, tmp_path):
    out = tmp_path / "out"
    (out / "red").mkdir(parents=True)
    (out / "red").chmod(0o500)
    report = run(Colours(), pictures, out, thresh=0.5)
    assert {row.result for row in report.rows} >= {"failed", "copied"}


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [("nowhere", "out", "is no folder"), ("in", "in", "a folder of their own"), ("in", "in/a.jpg", "is no folder")],
)
def test_wrong_folders_are_refused(pictures, tmp_path, source, target, words):
    with pytest.raises(ConfigError, match=words):
        run(Colours(), tmp_path / source, tmp_path / target)


def test_an_empty_folder_is_no_error(tmp_path):
    (tmp_path / "in").mkdir()
    assert run(Colours(), tmp_path / "in", tmp_path / "out").rows == ()


# -- classifiers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    for name in ("chelsea", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return folder


def test_the_offline_model_knows_real_photographs(photographs, tmp_path):
    report = run("offline", photographs, tmp_path / "out", thresh=0.2, device="cpu", naming_style="synset")
    labels = {Path(row.source).stem: row.label.name for row in report.rows if row.label}
    assert labels == {"chelsea": "tiger_cat", "coffee": "espresso", "rocket": "missile"}
    assert "n02123159/chelsea.png" in made(tmp_path / "out")


def test_a_local_checkpoint_with_classes_of_its_own_is_read(pictures, tmp_path):
    torch.manual_seed(0)
    network = timm.create_model("test_vit", pretrained=False, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    (tmp_path / "classes.txt").write_text("holiday\nwork\n")
    classifier = Classifier(
        "test_vit", checkpoint=tmp_path / "weights.pth", classes=tmp_path / "classes.txt", device="cpu"
    )
    report = run(classifier, pictures, tmp_path / "out", thresh=0.0)
    assert set(report.counts()) <= {"holiday", "work"}
    assert sum(report.counts().values()) == 4


def test_what_cannot_be_loaded_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError, match=r"no_such_model.*cannot be loaded"):
        Classifier("no_such_model", device="cpu").load()
    (tmp_path / "weights.pth").write_bytes(b"nothing")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        Classifier("test_vit", checkpoint=tmp_path / "weights.pth", device="cpu").load()
    with pytest.raises(ConfigError, match="there is no file"):
        Classifier("test_vit", checkpoint=tmp_path / "none.pth")
    with pytest.raises(ConfigError, match="name of its model"):
        Classifier(checkpoint=tmp_path / "weights.pth")


def test_names_that_do_not_fit_the_model_are_refused(tmp_path):
    (tmp_path / "classes.txt").write_text("only one\n")
    network = timm.create_model("test_vit", pretrained=False, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    with pytest.raises(EncoderError):
        Classifier(
            "test_vit", checkpoint=tmp_path / "weights.pth", classes=tmp_path / "classes.txt", device="cpu"
        ).load()


def test_cuda_that_is_not_there_is_said_and_not_replaced():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(EncoderError, match="no CUDA device"):
        _ = Classifier("offline", device="cuda").device


# -- albums ------------------------------------------------------------------------------------------------------------


async def test_an_accounts_photographs_become_a_plan_that_can_be_applied_and_undone(tmp_path):
    remote = MemoryRemote()
    for number, color in enumerate(((250, 0, 0), (240, 0, 0), (0, 250, 0), (90, 90, 90))):
        await remote.put(jpeg(color=color), f"Pictures/{number}.jpg")
    await remote.put(b"no picture", "Pictures/broken.jpg")
    labeller = Labeller(Colours(), thresh=0.5)
    told = []
    plan = await organise.propose(
        remote, by="label", labeller=labeller, min_size=2, progress=lambda *each: told.append(each)
    )
    assert [(folder.name, len(folder.members)) for folder in plan.folders] == [("red", 2)]
    assert {each.path.rpartition("/")[2]: each.why for each in plan.unassigned} == {
        "2.jpg": "only 1 of the 2 that make an album are green",
        "3.jpg": "no class reaches 0.5",
        "broken.jpg": "it is not a picture that can be read",
    }
    assert plan.parameters["model"] == "colours"
    assert told[-1][0] == told[-1][1]
    await organise.apply(remote, plan, tmp_path / "journal.jsonl")
    assert [album.name async for album in remote.albums()] == ["red"]
    again = await organise.propose(remote, by="label", labeller=labeller, min_size=2)
    assert not again.folders
    await organise.undo(remote, tmp_path / "journal.jsonl")
    assert [album async for album in remote.albums()] == []


async def test_labels_need_a_labeller():
    with pytest.raises(ConfigError, match="labeller"):
        await organise.propose(MemoryRemote(), by="label")
