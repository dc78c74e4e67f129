"""Clients that other people wrote, in an environment of their own, against the local service as a process."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
STRANGERS = ROOT / "build" / "interop-venv" / "bin"
PEOPLE = ("Ada", "Grace")
_REGIONS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:subject><rdf:Bag><rdf:li>beach</rdf:li></rdf:Bag></dc:subject>
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource">
<mwg-rs:Name>{name}</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>
<mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="0.1" stArea:h="0.1" stArea:unit="normalized"/>
</rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>"""


class Service(NamedTuple):
    """The local service, running."""

    url: str
    credentials: Path

    @property
    def access_token(self) -> str:
        """What an app sends as ``Authorization: Bearer``."""
        token: str = json.loads(self.credentials.read_text())["access_token"]
        return token

    @property
    def family_id(self) -> str:
        """The account's family vault, as the service tells it."""
        cookies = json.loads(self.credentials.read_text())["cookies"]
        headers = {"x-amzn-sessionid": cookies["session-id"]}
        answer = httpx.get(f"{self.url}/drive/v1/account/family", cookies=cookies, headers=headers)
        family: str = answer.raise_for_status().json()["familyId"]
        return family


@pytest.fixture(scope="session")
def stranger() -> Callable[[str], str]:
    """Return the path of a program of the strangers' environment, which ``make interop`` makes."""

    def find(name: str) -> str:
        program = STRANGERS / name
        assert program.exists(), f"{program} is missing: run `make interop`"
        return str(program)

    return find


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Service]:
    """Run the service over a fresh store until the end of the block."""
    command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Service(ready["url"], Path(ready["credentials"]))
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, with a store of its own for each module."""
    with served(tmp_path_factory.mktemp("service") / "store") as running:
        yield running


def picture(path: Path, seed: int, *, taken: str, person: str | None = None) -> Path:
    """Make a photograph that no other equals, with a capture time; one with a person in it was taken in Vancouver."""
    dice = random.Random(seed)
    image = Image.frombytes("RGB", (64, 48), dice.randbytes(64 * 48 * 3)).resize((640, 480))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    exif[0x010F] = "Nikon"
    if person:
        exif.get_ifd(0x8825).update({1: "N", 2: (49.0, 16.0, 57.6), 3: "W", 4: (123.0, 7.0, 12.0)})
    path.parent.mkdir(parents=True, exist_ok=True)
    xmp = {"xmp": _REGIONS.format(name=person).encode()} if person else {}
    image.save(path, exif=exif, **xmp)
    return path


@pytest.fixture(scope="module")
def holiday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of photographs, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures") / "holiday"
    picture(folder / "red.jpg", 1, taken="2021:05:01 10:00:00", person=PEOPLE[0])
    picture(folder / "green.jpg", 2, taken="2021:05:02 10:00:00", person=PEOPLE[1])
    picture(folder / "day one" / "blue sky.jpg", 3, taken="2021:06:03 10:00:00")
    picture(folder / "day one" / "IMG_1.JPG", 4, taken="2022:06:04 10:00:00")
    (folder / "notes.txt").write_text("the sea was calm")
    return folder
