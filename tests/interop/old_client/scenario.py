"""Everything that the PyPI client offers, once, against a service; prints one JSON object per step.

Usage: ``python scenario.py URL CREDENTIALS FOLDER SUFFIX FAMILY``, with the suffix of the cookie ``at-…``. *FOLDER* has
the tree ``holiday`` to be uploaded; the client's own files go beside it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redirected

if TYPE_CHECKING:
    from collections.abc import Callable


def cookies_of(credentials: Path, suffix: str) -> dict[str, str]:
    """Return the cookies as a user of this client gives them.

    For ``main`` both spellings are needed: the client finds its marketplace by the one with an underscore, and the
    service reads the other.
    """
    kept = json.loads(credentials.read_text())["cookies"]
    cookies = {"session-id": kept["session-id"]}
    for family in ("ubid", "at"):
        cookies[f"{family}-{suffix}"] = kept[f"{family}-main"]
        if suffix == "main":
            cookies[f"{family}_main"] = kept[f"{family}-main"]
    return cookies


def step(name: str, work: Callable[[], Any]) -> Any:
    """Do one step and print how it went."""
    noise = io.StringIO()
    try:
        with contextlib.redirect_stdout(noise):
            value = work()
    except Exception as exc:  # noqa: BLE001 - which exception it is, is what the tests look at
        say({"step": name, "error": type(exc).__name__, "said": str(exc)[:300]})
        return None
    say({"step": name, "value": shown(value), "printed": noise.getvalue()})
    return value


def say(row: dict[str, Any]) -> None:
    """Print one line for the tests."""
    sys.stdout.write(json.dumps(row, default=str) + "\n")
    sys.stdout.flush()


def shown(value: Any) -> Any:
    """Return what the tests look at: rows of a frame, bodies of responses."""
    if hasattr(value, "to_dict"):
        return json.loads(value.to_json(orient="records", date_format="iso"))
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    if hasattr(value, "status_code"):
        return {"status": value.status_code, "body": json.loads(value.text or "null")}
    return value


def main() -> None:  # noqa: PLR0915 - a list of steps, which no grouping would make clearer
    """Do all steps."""
    url, credentials, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    suffix = sys.argv[4]
    redirected.redirect(url)
    from amazon_photos import AmazonPhotos

    cookies = cookies_of(credentials, suffix)
    ap = step("constructor", lambda: AmazonPhotos(cookies=cookies, db_path=folder / "ap.parquet")) or sys.exit(1)
    step("tld", lambda: ap.tld)
    step("usage", ap.usage)
    step("print_tree", lambda: ap.print_tree(color=False))
    step("upload", lambda: ap.upload(folder / "holiday", skip_dedup=True))
    step("upload again", lambda: ap.upload(folder / "holiday", skip_dedup=True, refresh=False))
    step("constructor again", lambda: AmazonPhotos(cookies=cookies, db_path=folder / "again.parquet"))
    again = AmazonPhotos(cookies=cookies, db_path=folder / "again.parquet")
    step("upload with deduplication", lambda: again.upload(folder / "holiday", refresh=False))
    step("upload of what is there", lambda: again.upload(folder / "holiday", skip_dedup=True, refresh=False))
    everything = step("query", ap.query)
    photos = step("photos", ap.photos)
    step("videos", ap.videos)
    step("query by facets", lambda: ap.query("type:(PHOTOS) AND timeYear:(2021) AND location:(CAN#BC#Vancouver)"))
    step("query that finds nothing", lambda: ap.query("type:(PHOTOS) AND timeYear:(1901)"))
    step("query with an error", lambda: ap.query("type:(PHOTOS"))
    step("reloaded", lambda: AmazonPhotos(cookies=cookies, db_path=folder / "again.parquet").db)
    tree = step("tree", lambda: ap.build_tree(ap.get_folders()))
    step("find_path", lambda: ap.find_path("holiday/day one", root=tree))
    step("nodes", lambda: ap.nodes(filters=["kind:FILE", "status:AVAILABLE"]))
    step("nodes sorted", lambda: ap.nodes(filters=["kind:FILE"], sort=["name ASC"]))
    step("nodes by a bad filter", lambda: ap.nodes(filters=["colour:red"]))
    step("nodes_by_name", lambda: ap.nodes_by_name(["red.jpg"]))
    ids = everything["id"].tolist()
    step("download", lambda: ap.download(everything["id"], out=str(folder / "media")))
    step("favorite", lambda: ap.favorite(ids[:1]))
    step("unfavorite", lambda: ap.unfavorite(ids[:1]))
    step("hide", lambda: ap.hide(ids[:1]))
    step("unhide", lambda: ap.unhide(ids[:1]))
    album = step("create_album", lambda: ap.create_album("The best", ids[:2]))
    if album:
        step("rename_album", lambda: ap.rename_album(album["id"], "The very best"))
        step("add_to_album", lambda: ap.add_to_album(album["id"], ids[:3]))
        step("remove_from_album", lambda: ap.remove_from_album(album["id"], ids[:1]))
    for category in ("all", "allPeople", "things", "location", "time", "type", "favorite", "familyMembers", "people"):
        step(f"aggregations {category}", lambda category=category: ap.aggregations(category, out=""))
    step("aggregations kept", lambda: ap.aggregations("all", out=str(folder / "aggregations")))
    step("aggregations of one kept", lambda: ap.aggregations("things", out=str(folder / "things")))
    people = ap.aggregations("allPeople", out="")
    clusters = [each["value"] for each in people]
    if len(clusters) > 1:
        step("rename_cluster", lambda: ap.rename_cluster(clusters[0], "Ada"))
        step("update_cluster_thumbnail", lambda: ap.update_cluster_thumbnail(clusters[0], people[0]["nodeId"]))
        step("combine_clusters", lambda: ap.combine_clusters(clusters[:2], "Ada and Grace"))
        step("people afterwards", lambda: ap.aggregations("allPeople", out=""))
    family = sys.argv[5]
    step("add_to_family_vault", lambda: ap.add_to_family_vault(family, ids[:2]))
    step("remove_from_family_vault", lambda: ap.remove_from_family_vault(family, ids[:1]))
    some = photos["id"].tolist()[:2]
    step("trash", lambda: ap.trash(some))
    step("trashed", ap.trashed)
    step("restore", lambda: ap.restore(some))
    step("restored", lambda: ap.query("type:(PHOTOS)"))
    step("trash once more", lambda: ap.trash(some))
    step("delete", lambda: ap.delete(some))
    step("trashed afterwards", ap.trashed)
    step("left", ap.query)
    step("refresh_db", ap.refresh_db)
    step("load_db", ap.load_db)
    step("access token", lambda: bool(ap._AmazonPhotos__at()))


if __name__ == "__main__":
    main()
