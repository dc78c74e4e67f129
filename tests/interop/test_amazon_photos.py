"""The client of the package index, ``amazon-photos`` 0.0.97, unmodified: all that it offers works against us.

What it cannot do anywhere is listed in :data:`CRASHES`, each with its reason; such a step must go on failing in just
that way, or the list is wrong.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.conftest import PEOPLE, served

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
_UNEXPECTED = "it names the argument `ids`, and the function it calls knows `node_id`"
CRASHES = {
    "upload again": ("KeyError", "its tree is the one of the constructor, so it makes the folder and trips over 409"),
    "favorite": ("TypeError", _UNEXPECTED),
    "unfavorite": ("TypeError", _UNEXPECTED),
    "hide": ("TypeError", _UNEXPECTED),
    "unhide": ("TypeError", _UNEXPECTED),
    "query with an error": ("AttributeError", "a refused filter gives None, whose json() it then asks for"),
    "aggregations of one kept": ("IsADirectoryError", "it makes a directory of the file's name, then writes to it"),
}


class Steps:
    """What a run of ``scenario.py`` printed."""

    def __init__(self, lines: str) -> None:
        self.rows = {row["step"]: row for row in map(json.loads, lines.splitlines())}

    def __getitem__(self, step: str) -> Any:
        row = self.rows[step]
        assert "error" not in row, row
        return row["value"]


@pytest.fixture(scope="module", params=["main", "acbde"])
def run(
    request: pytest.FixtureRequest,
    holiday: Path,
    stranger: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Steps, Path]:
    """One run of the whole scenario against a fresh store, for a marketplace's cookies."""
    folder = tmp_path_factory.mktemp("old-client")
    shutil.copytree(holiday, folder / "holiday")
    with served(folder / "store") as service:
        command = [
            *(stranger("python"), str(HERE / "old_client" / "scenario.py")),
            *(service.url, str(service.credentials), str(folder), request.param, service.family_id),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Steps(done.stdout), folder


@pytest.fixture(scope="module")
def steps(run: tuple[Steps, Path]) -> Steps:
    """What was printed."""
    return run[0]


def names(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names in a frame or a page, in order."""
    return sorted(row["name"] for row in rows)


MEDIA = ["IMG_1.JPG", "blue sky.jpg", "green.jpg", "red.jpg"]


def test_what_it_cannot_do_anywhere_fails_for_the_known_reason(steps: Steps) -> None:
    failed = {name: row["error"] for name, row in steps.rows.items() if "error" in row}
    assert failed == {name: error for name, (error, _) in CRASHES.items()}


def test_the_constructor_finds_marketplace_root_and_folders(steps: Steps) -> None:
    assert steps["tld"] in ("com", "de")
    lines = steps.rows["print_tree"]["printed"].splitlines()
    assert lines[0].startswith("~")
    assert {line.split()[1] for line in lines[1:]} == {"Pictures", "Videos", "Documents", "Backup"}


def test_usage_is_a_table_of_the_four_families(steps: Steps) -> None:
    assert {row["type"] for row in steps["usage"]} == {"photo", "video", "doc", "other"}


def test_a_tree_is_uploaded_and_its_answers_are_nodes_with_the_bytes_digest(steps: Steps, holiday: Path) -> None:
    bodies = [answer["body"] for answer in steps["upload"]]
    assert names(bodies) == [*MEDIA[:-1], "notes.txt", "red.jpg"]
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in holiday.rglob("*.*")}
    assert {each["name"]: each["contentProperties"]["md5"] for each in bodies} == sums


def test_known_files_are_left_out_or_refused_with_the_node_that_holds_them(steps: Steps) -> None:
    assert [answer["status"] for answer in steps["upload with deduplication"]] == [409]  # its table has media alone
    refused = steps["upload of what is there"]
    assert {answer["status"] for answer in refused} == {409}
    assert {answer["body"]["info"]["nodeId"] for answer in refused} == {
        answer["body"]["id"] for answer in steps["upload"]
    }


def test_queries_find_media_by_every_way(steps: Steps) -> None:
    assert names(steps["query"]) == names(steps["photos"]) == names(steps["reloaded"]) == MEDIA
    assert steps["videos"] == []
    assert steps["query that finds nothing"] == []
    assert names(steps["query by facets"]) == ["green.jpg", "red.jpg"]
    assert {row["image.make"] for row in steps["query"]} == {"Nikon"}


def test_nodes_are_found_by_filter_and_name(steps: Steps) -> None:
    assert names(steps["nodes"]) == [*MEDIA[:-1], "notes.txt", "red.jpg"]
    assert names(steps["nodes sorted"]) == names(steps["nodes"])
    assert steps["nodes by a bad filter"] is None
    assert names(steps["nodes_by_name"]) == ["red.jpg"]


def test_the_tree_has_what_was_uploaded(steps: Steps) -> None:
    assert [child["name"] for child in steps["tree"]["children"] if child["name"] == "holiday"] == ["holiday"]
    assert steps["find_path"]["name"] == "day one"


def test_downloads_are_the_bytes_that_were_sent(run: tuple[Steps, Path], holiday: Path) -> None:
    steps, folder = run
    assert len(steps["download"]["nodes"]) == len(MEDIA)
    came = {file.name[len("0123456789012345678901_") :]: file.read_bytes() for file in (folder / "media").iterdir()}
    assert came == {file.name: file.read_bytes() for file in holiday.rglob("*.[jJ][pP][gG]")}


def test_albums_are_made_named_filled_and_emptied(steps: Steps) -> None:
    assert steps["create_album"]["kind"] == "VISUAL_COLLECTION"
    assert steps["rename_album"]["name"] == "The very best"
    assert steps["add_to_album"]["id"] == steps["remove_from_album"]["id"] == steps["create_album"]["id"]


def test_every_category_is_counted(steps: Steps) -> None:
    everything = steps["aggregations all"]
    assert set(everything) == {"allPeople", "clusterId", "favorite", "location", "people", "things", "time", "type"}
    assert {row["match"]: row["count"] for row in everything["time"]} == {"2021": 3, "2022": 1}
    assert {row["value"]: row["count"] for row in steps["aggregations things"]} == {"beach": 2}
    assert {row["searchData"]["clusterName"] for row in steps["aggregations allPeople"]} == set(PEOPLE)
    assert {row["value"] for row in steps["aggregations type"]} >= {"PHOTOS"}
    assert sum(row["count"] for row in steps["aggregations familyMembers"]) == len(MEDIA)


def test_aggregations_are_kept_as_files(run: tuple[Steps, Path]) -> None:
    steps, folder = run
    kept = {file.stem: json.loads(file.read_bytes()) for file in (folder / "aggregations").iterdir()}
    assert kept == steps["aggregations kept"]


def test_people_are_named_and_joined(steps: Steps) -> None:
    assert all(isinstance(steps[each], dict) for each in ("rename_cluster", "update_cluster_thumbnail"))
    assert isinstance(steps["combine_clusters"], dict)
    (person,) = steps["people afterwards"]
    assert (person["searchData"]["clusterName"], person["count"]) == ("Ada and Grace", 2)


def test_the_family_vault_takes_and_gives_back(steps: Steps) -> None:
    assert isinstance(steps["add_to_family_vault"], dict)
    assert isinstance(steps["remove_from_family_vault"], dict)


def test_the_bin_takes_gives_back_and_forgets(steps: Steps) -> None:
    assert [answer["status"] for answer in steps["trash"]] == [200]
    assert len(steps["trashed"]) == 2
    assert steps["restore"]["status"] == 200
    assert names(steps["restored"]) == MEDIA
    assert steps["delete"] == [{"status": 200, "body": {"errorMap": {}}}]
    assert steps["trashed afterwards"] == []
    assert len(steps["left"]) == len(MEDIA) - 2


def test_its_table_is_refreshed_and_loaded(steps: Steps) -> None:
    assert isinstance(steps["refresh_db"], list)
    assert isinstance(steps["load_db"], list)


def test_it_is_given_an_access_token(steps: Steps) -> None:
    assert steps["access token"] is True
