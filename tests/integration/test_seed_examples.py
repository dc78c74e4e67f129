"""Every example that the seed documents runs against the local service; its import line and its account are changed.

The copies in ``fixtures/seed`` are word for word. The labeller's example belongs to another test.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ap_remote import AmazonPhotos
from ap_remote.client import GoneWarning, RetiredOptionWarning
from ap_remote.transport import Hosts
from tests.lazily import Lazily

pd = Lazily("pandas")

SEED = Path(__file__).parents[2] / "fixtures" / "seed"
IMPORT = "from amazon_photos import AmazonPhotos"
ACCOUNT = re.compile(r"^    cookies=\{.*?\},\n", flags=re.DOTALL | re.MULTILINE)
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
WHEN = "2023:08:14 10:00:00"


def blocks(name: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (SEED / name).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


EXAMPLES = [(name, number) for name in ("readme.md", "0.0.44.md") for number in range(len(blocks(name)))]


def photograph(file: Path, color: str, words: tuple[str, ...], *, taken: str = WHEN, somewhere: bool = True) -> None:
    """Make a photograph that the documented query finds by its things, its day and its place: Vancouver."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    if somewhere:
        exif.get_ifd(0x8825).update({1: "N", 2: (49.0, 16.0, 57.6), 3: "W", 4: (123.0, 7.0, 12.0)})
    tags = "".join(f"<rdf:li>{each}</rdf:li>" for each in words)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), color).save(file, exif=exif, xmp=XMP.format(words=tags).encode())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examples run: with a home of its own, and the files that they upload."""
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AP_REMOTE", raising=False)
    here = tmp_path / "cwd"
    photograph(here / "path" / "to" / "files" / "inner" / "new.jpg", "pink", ())
    monkeypatch.chdir(here)
    return here


def fill(client: AmazonPhotos, tmp_path: Path) -> None:
    """Put into an account what the documented queries find, and what they do not."""
    photos = tmp_path / "library"
    photograph(photos / "both.jpg", "red", ("plant", "beach"))
    photograph(photos / "moon.jpg", "blue", ("moon",))
    photograph(photos / "plant.jpg", "green", ("plant",))
    photograph(photos / "other day.jpg", "gold", ("moon",), taken="2023:08:15 10:00:00")
    photograph(photos / "elsewhere.jpg", "white", ("moon",), somewhere=False)
    client.upload(f"{photos}/", folder="Pictures")


@pytest.fixture
def process(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The service as a process in the place of Amazon's hosts, and its cookies."""
    command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(tmp_path / "service"), "--port", "0"]
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            ready = json.loads(running.stdout.readline())
            hosts = Hosts.for_service(ready["url"])
            monkeypatch.setattr(
                importlib.import_module("ap_remote.connect"), "_hosts", lambda tld, region, folder: (hosts, None)
            )
            yield json.loads(Path(ready["credentials"]).read_text())["cookies"]
        finally:
            running.terminate()


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run an example; the two warnings are what is told of its options and of the ids that it deleted itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetiredOptionWarning)
        warnings.simplefilter("ignore", GoneWarning)
        exec(compile(code, "<example>", "exec"), names)
    return names


def test_the_copies_hold_all_examples() -> None:
    assert EXAMPLES == [("readme.md", 0), ("readme.md", 1), ("0.0.44.md", 0), ("0.0.44.md", 1)]
    assert all(blocks(name)[number].startswith(IMPORT) for name, number in EXAMPLES)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_an_example_runs_against_local(name: str, number: int, folder: Path, tmp_path: Path) -> None:
    with AmazonPhotos(remote="local:") as client:
        fill(client, tmp_path)
    code = blocks(name)[number].replace(IMPORT, "from ap_remote import AmazonPhotos")
    code = ACCOUNT.sub("    remote='local:',\n", code)
    names = run(code)
    with names["ap"] as ap:
        assert repr(ap) == "AmazonPhotos(local:)"
        if "node_ids" in names:
            check(ap, names, folder)


@pytest.mark.parametrize(("name", "number"), [each for each in EXAMPLES if ACCOUNT.search(blocks(each[0])[each[1]])])
def test_an_example_runs_with_cookies_against_a_service(
    name: str, number: int, folder: Path, tmp_path: Path, process: dict[str, str]
) -> None:
    with AmazonPhotos(process, columns="own") as client:
        fill(client, tmp_path)
    code = blocks(name)[number].replace(IMPORT, "from ap_remote import AmazonPhotos")
    names = run(ACCOUNT.sub("    cookies=COOKIES,\n", code), COOKIES=process)
    with names["ap"] as ap:
        if "node_ids" in names:
            check(ap, names, folder)


def check(ap: AmazonPhotos, names: dict[str, Any], folder: Path) -> None:
    """See what the long example did: two photographs were found, binned and deleted, one was uploaded."""
    assert sorted(names["nodes"]["name"]) == ["both.jpg", "moon.jpg"]
    assert list(names["node_ids"]) == list(names["nodes"].id)
    assert sorted(ap.photos()["name"]) == ["elsewhere.jpg", "new.jpg", "other day.jpg", "plant.jpg"]
    assert ap.trashed().empty
    usage = ap.usage().set_index("type")
    assert (usage.loc["photo", "total_count"], usage.loc["photo", "billable_bytes"]) == (4, 0)
    assert ap.find_path("files/inner/new.jpg") is not None
    written = {each.name for each in folder.iterdir()}
    assert written <= {"path", "media", "tmp"}
    assert [*(folder / "media").iterdir()] == []
    with pytest.warns(GoneWarning, match="2 ids"):
        outcomes = ap.restore(names["node_ids"])
    assert all(each.error for each in outcomes)


def test_the_environment_of_the_older_release_gives_the_account(
    folder: Path, tmp_path: Path, process: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (exports,) = blocks("0.0.44.md", "bash")
    values = {"session_id": "session-id", "ubid_acbca": "ubid-main", "at_acbca": "at-main"}
    for name in re.findall(r"^export (\w+)=", exports, flags=re.MULTILINE):
        monkeypatch.setenv(name, process[values[name]])
    (line,) = re.findall(r"^# (ap = AmazonPhotos\(tld=.*)$", blocks("0.0.44.md")[1], flags=re.MULTILINE)
    names = run(f"from ap_remote import AmazonPhotos\n{line}\nap.usage()")
    names["ap"].close()


def test_the_documented_queries_are_understood(folder: Path, tmp_path: Path) -> None:
    search, nodes = blocks("0.0.44.md", "text")
    with AmazonPhotos(remote="local:") as ap:
        fill(ap, tmp_path)
        assert ap.query(search).empty
        ap.favorite(ap.nodes_by_name("moon.jpg"))
        assert list(ap.nodes([nodes])["name"]) == ["moon.jpg"]
        assert list(ap.nodes(nodes.split(" AND "))["name"]) == ["moon.jpg"]


@pytest.mark.parametrize("options", [{}, {"dtype_backend": "numpy_nullable"}, {"dtype_backend": "pyarrow"}])
def test_frames_are_handled_as_they_were(folder: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    with AmazonPhotos(remote="local:", engine="pyarrow", **options) as ap:
        fill(ap, tmp_path)
        nodes = ap.query("type:(PHOTOS OR VIDEOS)")
        assert list(nodes.columns[:6]) == ["createdDate", "modifiedDate", "id", "parents", "image.dateTime", "name"]
        assert nodes.id[:10].tolist() == nodes["id"].tolist()
        assert nodes.md5.nunique() == len(nodes) == 5
        wide = nodes[(nodes["image.width"] > 10) & nodes["name"].str.startswith("m")]
        assert list(wide["name"]) == ["moon.jpg"]
        assert nodes["createdDate"].max() >= nodes["createdDate"].min()
        assert nodes.sort_values("size").iloc[0]["size"] == nodes["size"].min()
        assert nodes["modifiedDate"].is_monotonic_decreasing
        nodes.to_parquet("ap.parquet")
        assert list(pd.read_parquet("ap.parquet", **options)["id"]) == list(nodes.id)
        assert len(ap.trash(wide.id)) == 1
        assert list(ap.trashed().id) == list(wide.id)
