from __future__ import annotations

import pytest

from ap_remote.insight.library import Sort
from ap_remote.insight.names import camera, sort_of, where
from ap_remote.model import Entry, Kind, Place


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("Apple", "Apple iPhone 12", "Apple iPhone 12"),
        ("Canon", "Canon EOS 5D Mark III", "Canon EOS 5D Mark III"),
        ("NIKON CORPORATION", "NIKON D750", "Nikon D750"),
        ("OLYMPUS IMAGING CORP.", "TG-5", "Olympus TG-5"),
        ("EASTMAN KODAK COMPANY", "KODAK DX6490 ZOOM DIGITAL CAMERA", "Kodak DX6490 ZOOM DIGITAL CAMERA"),
        ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-5", "Pentax K-5"),
        ("CASIO COMPUTER CO.,LTD.", "EX-Z850", "Casio EX-Z850"),
        ("samsung", "SM-G991B", "Samsung SM-G991B"),
        ("SONY", "ILCE-7M3", "Sony ILCE-7M3"),
        ("DJI", "FC3170", "DJI FC3170"),
        ("LG Electronics", "LG-H870", "LG H870"),
        ("Google", "Pixel 7", "Google Pixel 7"),
        ("Canon\0\0", "  Canon   EOS R5 ", "Canon EOS R5"),
        ("Nikon", "Nikonos V", "Nikon Nikonos V"),
        (None, "iPhone", "iPhone"),
        ("Leica Camera AG", None, "Leica"),
        ("Corporation", "X", "Corporation X"),
        (None, None, ""),
        ("", "", ""),
    ],
)
def test_a_camera_has_its_brand_once(make, model, name) -> None:
    assert camera(make, model) == name


@pytest.mark.parametrize(
    ("name", "content_type", "sort"),
    [
        ("a.jpg", "image/jpeg", Sort.PHOTO),
        ("a.HEIC", None, Sort.PHOTO),
        ("a.nef", "image/x-nikon-nef", Sort.RAW),
        ("a", "image/x-canon-cr2", Sort.RAW),
        ("a.DNG", "image/tiff", Sort.RAW),
        ("a.cr3", "application/octet-stream", Sort.RAW),
        ("a.png", "image/x-png", Sort.PHOTO),
        ("a.mov", "video/quicktime", Sort.VIDEO),
        ("a.mkv", None, Sort.VIDEO),
        ("a.ts", "text/plain", Sort.DOCUMENT),
        ("a.docx", None, Sort.DOCUMENT),
        ("a.pdf", "application/pdf", Sort.DOCUMENT),
        ("a.zip", "application/zip", Sort.OTHER),
        (".jpg", None, Sort.OTHER),
        ("a", None, Sort.OTHER),
    ],
)
def test_a_file_is_what_its_type_says_and_else_its_name(name, content_type, sort) -> None:
    entry = Entry(path=name, name=name, id="i", kind=Kind.FILE, content_type=content_type)
    assert sort_of(entry) is sort


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (None, ("", "", "")),
        (Place(latitude=1.0, longitude=2.0), ("", "", "")),
        (Place(label="CAN#BC#Vancouver"), ("Canada", "British Columbia", "Vancouver")),
        (Place(label="XYZ#1#Nowhere"), ("XYZ", "1", "Nowhere")),
        (Place(country="Italy", region="Tuscany", city="Lucca", label="ITA#52#Lucca"), ("Italy", "Tuscany", "Lucca")),
        (Place(label="a#b#c#d"), ("a", "b", "c")),
        (Place(label=""), ("", "", "")),
        (Place(label="only"), ("only", "", "")),
    ],
)
def test_a_place_is_told_in_words(place, words) -> None:
    assert where(place) == words
