"""The page for users of the seed tells of every method and option, and of nothing that does not exist."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from ap_remote import AmazonPhotos
from ap_remote.client.options import RETIRED

PAGE = (Path(__file__).parents[3] / "docs" / "migrating.md").read_text("utf-8")
METHODS = """
usage query photos videos dedup_files upload download trashed trash restore delete aggregations favorite
unfavorite hide unhide create_album rename_album add_to_album remove_from_album rename_cluster combine_clusters
update_cluster_thumbnail add_to_family_vault remove_from_family_vault get_root get_folders find_path build_tree
print_tree create_folders refresh_db_aggressive refresh_db load_db nodes nodes_by_name root folders db tree
"""
"""The documented members of the seed, but for its machinery."""
MACHINERY = """
determine_tld determine_cdproxy drive_url cdproxy_url thumb_url process async_backoff backoff q client limits
base_params n_threads
"""
ARGUMENTS = {
    "query": "filters offset limit",
    "upload": "path md5s refresh chunk_size skip_dedup max_workers",
    "dedup_files": "path md5s max_workers",
    "download": "node_ids out chunk_size",
    "trashed": "filters offset limit sort",
    "trash": "node_ids filters",
    "aggregations": "category out",
    "create_album": "album_name node_ids",
    "rename_album": "album_id name",
    "add_to_album": "album_id node_ids",
    "remove_from_album": "album_id node_ids",
    "rename_cluster": "cluster_id name",
    "combine_clusters": "cluster_ids name",
    "update_cluster_thumbnail": "cluster_id node_id",
    "add_to_family_vault": "family_id node_ids",
    "remove_from_family_vault": "family_id node_ids",
    "find_path": "target root",
    "build_tree": "folders",
    "print_tree": "node show_id color indent prefix last",
    "create_folders": "path",
    "nodes": "filters sort limit offset",
    "nodes_by_name": "names",
    "favorite": "node_ids",
}


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", METHODS.split())
def test_every_method_of_the_seed_is_here_and_on_the_page(name: str) -> None:
    assert hasattr(AmazonPhotos, name)
    assert re.search(rf"^\|[^|]*`{name}[(`]", section("Methods"), flags=re.MULTILINE)


def test_the_page_names_no_method_that_is_not_there() -> None:
    cells = re.findall(r"^\| (`[^|]*) \|", section("Methods").partition("###")[0], flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    public = {name for name, _ in inspect.getmembers(AmazonPhotos) if not name.startswith("_")}
    assert named == public


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_arguments_of_the_seed_are_taken_in_their_order(name: str) -> None:
    known = list(inspect.signature(getattr(AmazonPhotos, name)).parameters)
    wanted = ARGUMENTS[name].split()
    assert [each for each in known if each in wanted] == wanted
    assert "*" not in str(inspect.signature(getattr(AmazonPhotos, name))).partition(wanted[0])[0]


@pytest.mark.parametrize("name", MACHINERY.split())
def test_what_is_gone_is_on_the_page_and_gone(name: str) -> None:
    assert f"`{name}`" in section("What is gone")
    assert not hasattr(AmazonPhotos, name)


def test_every_option_of_the_constructor_is_on_the_page() -> None:
    table = section("Constructor")
    taken = [each for each in inspect.signature(AmazonPhotos).parameters if each != "kwargs"]
    options = [*taken, "limits", "cache_path", "use_cache", "filters", "filesystem", "storage_options"]
    assert [each for each in options if f"`{each}`" not in table] == []
    assert {"limits", "cache_path", "use_cache"} <= RETIRED.keys()
    assert list(inspect.signature(AmazonPhotos).parameters)[:3] == ["cookies", "db_path", "tmp"]
