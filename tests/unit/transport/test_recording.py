"""What is kept of answers: their shape, and nothing of anybody's."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock

from ap_remote.api import account, changes, content, nodes, search
from ap_remote.errors import AlreadyExistsError, ConfigError, RemoteError, UnsupportedError
from ap_remote.transport import Call, Hosts, Pacer, Retry, Session, Transport
from ap_remote.transport.recording import MANIFEST, Recorder
from ap_remote.transport.redaction import OWNER, Redactor
from ap_remote.transport.replay import Replay
from ap_remote.wire._base import Lenient
from ap_remote.wire.account import AccountInfo
from tests.unit.transport.conftest import COOKIES

FOLDER, PHOTO = "F" + "0" * 21, "P" + "1" * 21
SIGNED = "https://store.s3.amazonaws.com/canary?X-Amz-Algorithm=AWS4&X-Amz-Signature=canary"
LEAVES = Path(__file__).parents[3] / "fixtures" / "wire"
RECORD: dict[str, Any] = {
    "id": PHOTO,
    "name": "Canary at the sea.JPG",
    "kind": "FILE",
    "status": "AVAILABLE",
    "version": 3,
    "ownerId": "A9CANARY",
    "createdBy": "canary-app",
    "createdDate": "2024-03-02T08:00:00.000Z",
    "parents": [FOLDER],
    "tempLink": SIGNED,
    "description": "canary and her mother",
    "labels": ["canary"],
    "settings": {"favorite": True},
    "properties": {"canary-app": {"canary-key": "canary"}},
    "somethingNew": "canary, unheard of",
    "keywords": None,
    "contentProperties": {
        "md5": "0" * 32,
        "size": 1234,
        "contentType": "image/jpeg",
        "extension": "jpg",
        "contentDate": "2024-03-01T08:00:00.000Z",
        "image": {"latitude": "48.137canary", "gpsTimeStamp": "canary", "location": "48.1371, 11.5754", "width": 4000},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recording"


def transport(session: Session, retry: Retry, folder: Path, *, keep_names: bool = False) -> Transport:
    record = Recorder(folder, keep_names=keep_names)
    return Transport(session, retry=retry, pacer=Pacer.unlimited(), record=record)


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads((folder / MANIFEST).read_text("utf-8"))


def files(folder: Path) -> list[str]:
    return [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]


def kept(folder: Path) -> str:
    """Everything that is in a folder, names too."""
    return "\n".join([*files(folder), *((folder / each).read_text() for each in files(folder))])


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [shape(each) for each in value.values()]
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


async def test_an_answer_is_kept_with_its_shape_and_without_what_is_personal(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(json=RECORD, headers={"set-cookie": "at-main=canary-rotated; Path=/"})
    async with transport(session, retry, folder) as each:
        await each.send(nodes.node(PHOTO))
    ((name, row),) = rows(folder).items()
    assert row["endpoint"] == "GET nodes/{id}"
    assert row["path"] == f"nodes/{PHOTO}"
    assert (row["status"], row["content_type"], row["rotated"]) == (200, "application/json", ["at-main"])
    assert row["reply"] == "ap_remote.wire.nodes:NODE"
    found = json.loads((folder / name).read_text())
    assert shape(found) == shape(RECORD)
    for key in ("id", "kind", "status", "version", "createdDate", "parents", "settings", "keywords"):
        assert found[key] == RECORD[key]
    assert found["ownerId"] == OWNER
    assert found["name"].endswith(".jpg")
    assert found["contentProperties"] == {
        **RECORD["contentProperties"],
        "image": {**found["contentProperties"]["image"], "width": 4000},
    }
    assert "canary" not in kept(folder).lower()
    assert "48.1" not in kept(folder)


async def test_names_are_kept_when_that_is_asked_for_and_secrets_are_not(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    token = session.cookies["at-main"]
    httpx_mock.add_response(json={"id": PHOTO, "name": f"of anna@example.com {token} {SIGNED}", "description": "Rome"})
    async with transport(session, retry, folder, keep_names=True) as each:
        await each.send(nodes.node(PHOTO))
    assert "of person-1" in kept(folder)
    assert "Rome" in kept(folder)
    assert "example.com" not in kept(folder)
    assert "canary" not in kept(folder)


async def test_equal_values_stay_equal_in_all_answers_and_requests(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(json={"count": 2, "data": [RECORD], "nextToken": "canary-page"})
    httpx_mock.add_response(json={"count": 2, "data": [{**RECORD, "id": "Q" * 22, "ownerId": "A9OTHER"}]})
    async with transport(session, retry, folder) as each:
        await each.send(nodes.nodes("kind:FILE"))
        await each.send(nodes.nodes("kind:FILE", token="canary-page"))
    (first, second) = (json.loads((folder / name).read_text()) for name in rows(folder))
    one, two = first["data"][0], second["data"][0]
    assert one["name"] == two["name"]
    assert one["ownerId"] != two["ownerId"]
    queries = [row["query"] for row in rows(folder).values()]
    assert queries[1]["startToken"] == first["nextToken"]
    assert queries[0]["filters"] == "kind:FILE"


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ("kind:FILE AND status:AVAILABLE", "kind:FILE AND status:AVAILABLE"),
        ("isRoot:true", "isRoot:true"),
        ('name:"Canary"', "*"),
        ("name:canary*", "*"),
        ("type:(PHOTOS OR VIDEOS)", "type:(PHOTOS OR VIDEOS)"),
        ("location:48.1", "*"),
    ],
)
def test_a_filter_is_kept_only_where_it_has_no_value_of_a_persons(folder: Path, filters: str, shown: str) -> None:
    Recorder(folder).keep(nodes.nodes(filters), httpx.Response(200), b"{}", mask=str)
    assert next(iter(rows(folder).values()))["query"]["filters"] == shown


async def test_bytes_and_web_pages_leave_their_length_and_type_only(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(content=b"canary" * 10, headers={"content-type": "image/jpeg"})
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED})
    httpx_mock.add_response(content=b"canary" * 20, headers={"content-type": "image/jpeg"})
    httpx_mock.add_response(html="<p>Hello canary</p>")
    async with transport(session, retry, folder) as each:
        await each.send(content.thumbnail(PHOTO, "A9CANARY", 512))
        async with each.stream(content.content(PHOTO, "A9CANARY")) as download:
            assert len([piece async for piece in download.aiter()]) > 0
        with pytest.raises(RemoteError):
            await each.send(account.info())
    lengths = [(row["length"], row["content_type"]) for row in rows(folder).values()]
    assert lengths == [(60, "image/jpeg"), (120, "image/jpeg"), (19, "text/html")]
    assert files(folder) == [MANIFEST]
    assert "canary" not in kept(folder).lower()


async def test_what_an_upload_is_called_is_not_told_by_the_refusal(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    said = f"Node with the name canary already exists under parentId {FOLDER} conflicting NodeId: {PHOTO}"
    refusal = {"logref": "c-1", "message": said, "code": "NAME_ALREADY_EXISTS", "info": {"nodeId": PHOTO}}
    httpx_mock.add_response(status_code=409, json=refusal, is_reusable=True)
    async with transport(session, retry, folder) as each:
        with pytest.raises(AlreadyExistsError):
            await each.send(nodes.create_folder("Canary", FOLDER))
        with pytest.raises(AlreadyExistsError):
            await each.send(content.upload_simple("Canary", FOLDER, b"canary-bytes"))
    first, second = rows(folder).values()
    assert "reply" not in first
    assert second["query"]["name"] == "*"
    assert "canary" not in kept(folder).lower()
    assert f"under parentId {FOLDER} conflicting NodeId: {PHOTO}" in kept(folder)


async def test_a_stream_of_changes_is_kept_line_by_line(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    lines = [{"checkpoint": "canary-c", "nodes": [RECORD]}, {"end": True}]
    httpx_mock.add_response(text="\n".join(map(json.dumps, lines)))
    async with transport(session, retry, folder) as each:
        await each.send(changes.changes())
    ((name, row),) = rows(folder).items()
    assert row["reply"] == "ap_remote.wire.changes:LINES"
    assert shape([json.loads(line) for line in (folder / name).read_text().splitlines()]) == shape(lines)
    assert "canary" not in kept(folder).lower()


async def test_a_decoder_that_stands_nowhere_is_not_named(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(json={})
    async with transport(session, retry, folder) as each:
        await each.send(Call(method="GET", path="account/info", reply=Lenient(AccountInfo)))
    assert "reply" not in next(iter(rows(folder).values()))


def test_every_fixture_of_ours_keeps_its_shape_and_is_still_understood() -> None:
    from tests.unit.test_fixtures import MANIFEST as FIXTURES
    from tests.unit.test_fixtures import reply

    for name in FIXTURES:
        body = (LEAVES / name).read_bytes()
        lines = FIXTURES[name].get("about", "") == "newline-delimited"
        values = [json.loads(line) for line in body.splitlines() if line.strip()] if lines else [json.loads(body)]
        found = [Redactor().json(value, str) for value in values]
        assert shape(found) == shape(values), name
        reply(name).decode("\n".join(map(json.dumps, found)).encode())


def test_a_recording_is_its_owners_alone_and_one_to_a_folder(folder: Path) -> None:
    Recorder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / MANIFEST).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="not empty"):
        Recorder(folder)


async def test_a_full_disk_ends_the_recording_not_the_call(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture
) -> None:
    httpx_mock.add_response(json={"status": "ACTIVE"})
    async with transport(session, retry, folder) as each:
        (folder / "account").write_text("in the way")
        assert (await each.send(account.info())).status == "ACTIVE"
    assert "could not be recorded" in caplog.text


# -- playing it --------------------------------------------------------------------------------------------------------


async def test_a_recording_answers_as_the_service_did(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(json={"status": "ACTIVE"})
    httpx_mock.add_response(json={"status": "BLOCKED"})
    httpx_mock.add_response(status_code=409, json={"code": "NAME_ALREADY_EXISTS", "info": {"nodeId": PHOTO}})
    httpx_mock.add_response(content=b"12345", headers={"content-type": "image/jpeg"})
    httpx_mock.add_response(html="<form action='/errors/validateCaptcha'>")
    async with transport(session, retry, folder) as each:
        await each.send(account.info())
        await each.send(account.info())
        with pytest.raises(AlreadyExistsError):
            await each.send(nodes.create_folder("x", FOLDER))
        await each.send(content.thumbnail(PHOTO, "A9CANARY", 512))
        with pytest.raises(RemoteError, match="robot"):
            await each.send(account.usage())
    replay = Replay(folder)
    stranger = Session(dict.fromkeys(COOKIES, "x"), Hosts.for_service("http://local.invalid"))
    async with Transport(stranger, app=replay, retry=retry) as each:
        states = [(await each.send(account.info())).status for _ in range(3)]
        assert states == ["ACTIVE", "BLOCKED", "BLOCKED"]
        with pytest.raises(AlreadyExistsError) as caught:
            await each.send(nodes.create_folder("x", FOLDER))
        assert caught.value.node_id == PHOTO
        assert await each.send(content.thumbnail(PHOTO, OWNER, 512)) == bytes(5)
        assert len(replay.unused) == 1
        with pytest.raises(RemoteError, match="robot"):
            await each.send(account.usage())
        assert replay.unused == []
        with pytest.raises(UnsupportedError):
            await each.send(account.quota())


@pytest.mark.parametrize("text", [None, "[", "x = 3", '["a.json"]\nendpoint = "GET x"'])
def test_a_folder_without_a_recording_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ConfigError, match="no recording"):
        Replay(tmp_path)


# -- whatever comes ----------------------------------------------------------------------------------------------------

SECRET = st.sampled_from(
    [
        COOKIES["at-main"],
        COOKIES["session-id"],
        f"and {COOKIES['ubid-main']}.",
        "Atza|canary-of-another",
        "Atnr|canary",
        SIGNED,
        f"see {SIGNED} now",
        "canary@example.com",
        "mail canary.x+y@mail.example.com now",
        "at-main=canary-cookie; x=1",
        "X-Amz-Credential=canary%2F",
    ]
)
PERSONAL = SECRET | st.sampled_from(["canary", "Canary, 5 years", "CANARY-9", "canary/../canary"])
KEYS = ("name", "value", "match", "message", "ownerId", "nextToken", "tempLink", "location", "unheardOf", "cookies")


def answers(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from((*KEYS, "Value", "properties", "data")) | SECRET
    return st.recursive(
        texts | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=10,
    )


def reached(call: Call[Any], response: httpx.Response, body: bytes | None, *, keep_names: bool) -> str:
    """Record one answer; return everything that got into the folder."""
    session = Session(COOKIES, Hosts.for_marketplace("com"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "recording")
        Recorder(folder, keep_names=keep_names).keep(call, response, body, mask=session.without_secrets)
        return kept(folder).lower()


@settings(max_examples=80, deadline=None)
@given(answers(PERSONAL), PERSONAL, st.sampled_from([200, 400, 409]))
def test_nothing_personal_ever_reaches_the_folder(body: Any, said: str, status: int) -> None:
    headers = {"set-cookie": f"at-main={said}", "x-amzn-requestid": said, "location": said, "retry-after": said}
    call = nodes.nodes(f"name:{said}", sort="createdDate DESC", token=said)
    found = reached(call, httpx.Response(status, headers=headers), json.dumps(body).encode(), keep_names=False)
    assert "canary" not in found


@settings(max_examples=60, deadline=None)
@given(answers(SECRET), SECRET)
def test_no_secret_ever_reaches_the_folder_even_with_names(body: Any, said: str) -> None:
    call = search.search(f"name:{said}")
    found = reached(call, httpx.Response(200), json.dumps(body).encode(), keep_names=True)
    assert "canary" not in found


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40).map(lambda junk: junk + b"canary") | SECRET.map(str.encode))
def test_a_body_that_is_no_json_is_not_kept_at_all(body: bytes) -> None:
    for kind in ("application/json", "text/html", "image/jpeg"):
        response = httpx.Response(200, headers={"content-type": kind})
        assert "canary" not in reached(account.info(), response, body, keep_names=True)


@settings(max_examples=60)
@given(answers(st.text(max_size=30)))
def test_the_shape_of_any_answer_is_kept_and_doing_it_twice_gives_the_same(body: Any) -> None:
    redactor = Redactor()
    found = redactor.json(body, str)
    assert shape(found) == shape(body)
    assert redactor.json(body, str) == found


async def test_an_answer_that_is_nested_too_deeply_to_be_redacted_does_not_fail_the_call(
    session: Session, retry: Retry, folder: Path, httpx_mock: HTTPXMock
) -> None:
    deep = b'{"id": "' + PHOTO.encode() + b'", "canary": ' + b"[" * 900 + b"]" * 900 + b"}"
    httpx_mock.add_response(content=deep, headers={"content-type": "application/json"})
    async with transport(session, retry, folder) as each:
        assert (await each.send(nodes.node(PHOTO))).id == PHOTO
    assert [row["length"] for row in rows(folder).values()] == [len(deep)]
    assert files(folder) == [MANIFEST]


@pytest.mark.parametrize("said", ["canary", "Happy birthday, dear canary", "Invalid filter: name:(canary)"])
def test_a_sentence_keeps_only_the_words_that_services_use(said: str) -> None:
    assert "canary" not in json.dumps(Redactor().json({"message": said}, str))
    plain = "System unavailable. Please back off for a while and try again later"
    assert Redactor().json({"message": plain}, str) == {"message": plain}
