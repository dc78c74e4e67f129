"""What the constructor takes: cookies, the environment, the seed's options, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ap_remote import AmazonPhotos
from ap_remote.backends.memory import MemoryRemote
from ap_remote.client import RetiredOptionWarning
from ap_remote.client.options import environment_cookies, opening, rows_at_most
from ap_remote.errors import AuthenticationError, ConfigError, LimitError, StoreError
from tests.contracts.pictures import jpeg
from tests.lazily import Lazily

pd = Lazily("pandas")

CANADA = {"session_id": "CANARY-A", "ubid_acbca": "CANARY-B", "at_acbca": "CANARY-C"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("AP_REMOTE", raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def remote() -> MemoryRemote:
    found = MemoryRemote()
    for number in range(3):
        found.seed(f"{number}.jpg", jpeg(color=(number * 80, 10, 10), size=(64, 48)))
    return found


def test_the_environment_gives_the_cookies_of_a_marketplace(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANADA.items():
        monkeypatch.setenv(name, value)
    client = AmazonPhotos(tld="ca")
    assert "CANARY" not in repr(client)
    assert environment_cookies("ca") == {"session-id": "CANARY-A", "ubid-acbca": "CANARY-B", "at-acbca": "CANARY-C"}
    british = {"session_id": "a", "ubid_acbuk": "b", "at_acbuk": "c"}
    assert environment_cookies("co.uk", british)["at-acbuk"] == "c"


def test_what_the_environment_lacks_is_named_without_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("session_id", "CANARY-A")
    with pytest.raises(AuthenticationError, match="ubid_acbca, at_acbca") as caught:
        AmazonPhotos(tld="ca")
    assert "CANARY" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"amazon\.None|amazon\.zz"):
        AmazonPhotos(tld="zz")


@pytest.mark.parametrize("cookies", [{...}, {"session-id": ..., "ubid-main": ..., "at-main": ...}, "session-id=x", 7])
def test_placeholders_are_no_cookies(cookies: object) -> None:
    with pytest.raises(ConfigError, match="cookie"):
        AmazonPhotos(cookies=cookies)  # type: ignore[arg-type]  # what a copied example holds


def test_cookies_go_with_no_remote(remote: MemoryRemote) -> None:
    with pytest.raises(ConfigError, match="not both"):
        AmazonPhotos(remote=remote, tld="ca")
    with pytest.raises(ConfigError, match="tmp"):
        AmazonPhotos(remote=remote, tmp="tmp")


def test_options_without_effect_are_told_once_and_unknown_ones_refused(remote: MemoryRemote) -> None:
    with pytest.warns(RetiredOptionWarning, match="cache_path.*use_cache.*limits") as told:
        AmazonPhotos(remote=remote, cache_path="ap.cache", use_cache=True, limits=object())
    assert [(each.category, each.filename) for each in told] == [(RetiredOptionWarning, __file__)]
    with pytest.raises(TypeError, match="colour"):
        AmazonPhotos(remote=remote, colour="red")
    client = AmazonPhotos(remote=remote)
    with pytest.warns(RetiredOptionWarning, match="max_retries"):
        assert len(client.query(max_retries=3)) == 3
    with pytest.raises(TypeError, match="colour"):
        client.query(colour="red")
    with pytest.raises(TypeError, match="colour"):
        client.upload("nothing", colour="red")


def test_a_content_host_names_its_region_and_another_host_is_refused() -> None:
    cookies = {"session-id": "a", "ubid-acbsg": "b", "at-acbsg": "c"}
    client = AmazonPhotos(cookies, cdproxy_override="https://content-eu.drive.amazonaws.com/cdproxy/nodes")
    hosts = client._remote._transport.session.hosts  # type: ignore[attr-defined]  # where a session's hosts are kept
    assert hosts.content == "https://content-eu.drive.amazonaws.com/"
    with pytest.raises(ConfigError, match="region"):
        AmazonPhotos(cookies, cdproxy_override="https://content-eu.drive.amazonaws.com.evil.example/")


@pytest.mark.parametrize("options", [{"columns": ["id"]}, {"dtype_backend": "polars"}, {"engine": "csv"}])
def test_frames_are_as_pandas_has_them_or_refused(options: dict, remote: MemoryRemote) -> None:
    with pytest.raises(ConfigError):
        AmazonPhotos(remote=remote, **options)


def test_columns_are_amazons_unless_ours_are_asked_for(remote: MemoryRemote) -> None:
    client = AmazonPhotos(remote=remote)
    amazon = client.photos()
    assert [*amazon.columns[:6]] == ["createdDate", "modifiedDate", "id", "parents", "image.dateTime", "name"]
    assert set(amazon["image.width"]) == {64}
    assert [*client.photos(columns="own").columns[:3]] == ["path", "name", "id"]
    assert [*AmazonPhotos(remote=remote, columns="own").nodes(["kind:FILE"]).columns[:3]] == ["path", "name", "id"]


@pytest.mark.parametrize("backend", ["pyarrow", "numpy_nullable"])
def test_frames_have_the_backend_that_was_asked_for(backend: str, remote: MemoryRemote, home: Path) -> None:
    client = AmazonPhotos(remote=remote, dtype_backend=backend, engine="pyarrow", db_path="ap.parquet")
    kind = {"pyarrow": pd.ArrowDtype, "numpy_nullable": pd.Int64Dtype}[backend]
    assert isinstance(client.photos()["size"].dtype, kind)
    assert isinstance(client.db["size"].dtype, kind)
    assert isinstance(client.usage()["total_bytes"].dtype, kind)
    assert [each.status for each in client.restore(client.photos().id[:0])] == []
    assert len(client.trash(client.photos().id[:2])) == 2


def test_the_parquet_file_is_written_only_where_it_was_asked_for(remote: MemoryRemote, home: Path) -> None:
    AmazonPhotos(remote=remote).refresh_db()
    assert [*home.iterdir()] == []
    client = AmazonPhotos(remote=remote, db_path="ap.parquet")
    client.query()
    ours = pd.read_parquet("ap.parquet")
    assert sorted(ours["name"]) == ["0.jpg", "1.jpg", "2.jpg"]
    assert [*ours.columns] == [*client.db.columns]


def test_the_parquet_file_follows_changes_and_refreshes(remote: MemoryRemote, home: Path) -> None:
    client = AmazonPhotos(remote=remote, db_path=home / "ap.parquet")
    assert len(client.db) == 3
    client.trash(client.db.id[:1])
    assert len(client.db) == len(pd.read_parquet("ap.parquet")) == 2
    remote.seed("late.jpg", jpeg(color="green"))
    assert len(client.db) == 2
    assert len(client.refresh_db()) == len(pd.read_parquet("ap.parquet")) == 3
    assert len(client.refresh_db_aggressive()) == 3
    assert [*client.load_db(columns=["id", "md5"]).columns] == ["id", "md5"]
    with pytest.warns(RetiredOptionWarning):
        client.refresh_db("type:(PHOTOS)")


def test_a_table_of_earlier_days_is_read_without_asking(remote: MemoryRemote, home: Path) -> None:
    AmazonPhotos(remote=remote, db_path="ap.parquet").load_db()
    assert len(AmazonPhotos(remote=MemoryRemote(), db_path="ap.parquet").db) == 3


def test_a_file_that_is_no_table_is_never_written_over(remote: MemoryRemote, home: Path) -> None:
    (home / "ap.parquet").write_bytes(b"my only photograph")
    client = AmazonPhotos(remote=remote, db_path="ap.parquet")
    for load in (client.load_db, client.refresh_db, lambda: client.db):
        with pytest.raises(StoreError, match="no Parquet file"):
            load()
    assert (home / "ap.parquet").read_bytes() == b"my only photograph"
    with pytest.raises(ConfigError, match="db_path"):
        AmazonPhotos(remote=remote).load_db(columns=["id"])


def test_a_user_may_keep_another_frame_as_db(remote: MemoryRemote) -> None:
    client = AmazonPhotos(remote=remote)
    assert client.db is client.db
    client.db = client.db[:1]
    assert len(client.db) == 1


def test_numbers_of_rows_are_whole_or_infinite(remote: MemoryRemote) -> None:
    assert rows_at_most(math.inf) is rows_at_most(None) is None
    assert rows_at_most(3.0) == 3
    for wrong in (-1, 2.5):
        with pytest.raises(LimitError):
            rows_at_most(wrong)
    client = AmazonPhotos(remote=remote)
    assert len(client.query(limit=math.inf)) == 3
    assert client.query(limit=0).empty


def test_every_answer_is_kept_redacted_where_tmp_says(home: Path) -> None:
    with AmazonPhotos(remote="local:", tmp="tmp") as client:
        client.usage()
    (recording,) = (home / "tmp").iterdir()
    assert (recording / "MANIFEST.toml").read_text("utf-8").count("account/usage") >= 1
    secrets = (home / "home" / "local" / "credentials.json").read_text("utf-8")
    kept = "".join(each.read_text("utf-8") for each in recording.rglob("*") if each.is_file())
    assert not any(value in kept for value in secrets.split('"') if len(value) > 20)
    with AmazonPhotos(remote="local:", tmp="tmp") as client:
        client.usage()
    assert len([*(home / "tmp").iterdir()]) == 2


def test_what_opens_a_remote_shows_no_cookie() -> None:
    cookies = {"session-id": "CANARY", "ubid-main": "CANARY", "at-main": "CANARY"}
    assert "CANARY" not in repr(opening(cookies, None, tld=None, region=None, tmp=""))
