from __future__ import annotations

import json
import stat

import httpx
import pytest

A = {"Message": "No Auth Method Provided"}


async def test_the_data_folder_and_the_credentials_are_private(app, data):
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    path = data / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = json.loads(path.read_text())
    assert set(found) == {"cookies", "access_token", "owner_id"}
    assert found["cookies"]["at-main"].startswith("Atza|")
    assert found["owner_id"].startswith("A")


async def test_the_right_cookies_open_the_door(client):
    assert await client.get("account/info") == {"termsOfUse": "1.0.0", "status": "ACTIVE"}


async def test_the_access_token_opens_the_door_alone(client):
    answer = await client.stranger.get(
        "/drive/v1/account/info",
        headers={"x-amz-access-token": client.credentials.access_token},
    )
    assert answer.status_code == 200


async def test_the_cookies_give_the_access_token(client):
    answer = await client.call("GET", "/photos/auth/token")
    assert answer == {"access_token": client.credentials.access_token, "duration": "3600"}


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/drive/v1/account/info", "A"),
        ("/drive/v1/nodes", "A"),
        ("/v1/thumbnail/abc", "A"),
        ("/photos/auth/token", "A"),
        ("/cdproxy/nodes/abc", "B"),
        ("/v2/upload", "B"),
    ],
)
async def test_a_stranger_gets_401_in_the_words_of_the_host(client, path, shape):
    answer = await client.stranger.get(path)
    assert answer.status_code == 401
    body = answer.json()
    if shape == "A":
        assert body == A
    else:
        assert set(body) == {"logref", "message", "code"}
        assert body["message"] == "No Auth Method Provided"
        assert not body["code"]


def _cookies(client, **changes):
    return {**client.credentials.cookies, **changes}


@pytest.mark.parametrize("missing", ["session-id", "ubid-main", "at-main"])
async def test_every_cookie_is_needed(client, missing):
    cookies = _cookies(client)
    del cookies[missing]
    assert await _status(client, cookies) == 401


@pytest.mark.parametrize("wrong", ["session-id", "ubid-main", "at-main"])
async def test_every_cookie_must_be_right(client, wrong):
    assert await _status(client, _cookies(client, **{wrong: "123-4567890-1234567"})) == 401


async def test_underscore_names_are_refused(client):
    cookies = {name.replace("-main", "_main"): value for name, value in client.credentials.cookies.items()}
    assert await _status(client, cookies) == 401


async def test_another_marketplace_is_admitted_when_both_cookies_name_it(client):
    cookies = client.credentials.cookies
    german = {"session-id": cookies["session-id"], "at-acbde": cookies["at-main"], "ubid-acbde": cookies["ubid-main"]}
    assert await _status(client, german) == 200
    mixed = {"session-id": cookies["session-id"], "at-acbde": cookies["at-main"], "ubid-main": cookies["ubid-main"]}
    assert await _status(client, mixed) == 401
    unknown = {"session-id": cookies["session-id"], "at-acbxx": cookies["at-main"], "ubid-acbxx": cookies["ubid-main"]}
    assert await _status(client, unknown) == 401


async def test_the_session_header_must_equal_the_cookie(client):
    assert await _status(client, _cookies(client), session="") == 401
    assert await _status(client, _cookies(client), session="123-4567890-1234567") == 401


async def test_odd_credentials_are_refused_and_not_an_error(client):
    answer = await client.stranger.get(
        "/drive/v1/account/info",
        headers=[(b"cookie", b"session-id=\xff\xfe; at-main=\xc3\xa9"), (b"x-amzn-sessionid", b"\xff")],
    )
    assert answer.status_code == 401


async def test_credentials_do_not_show_in_a_repr(client):
    shown = repr(client.credentials)
    assert client.credentials.access_token not in shown
    assert client.credentials.cookies["at-main"] not in shown


async def test_an_unknown_path_is_not_json(client):
    answer = await client.http.get("/drive/v1/nothing/here")
    assert answer.status_code == 404
    assert answer.text == "<UnknownOperationException/>"


async def test_every_answer_has_a_request_id(client):
    for path in ("/drive/v1/account/info", "/nothing", "/_internal/health"):
        assert (await client.http.get(path)).headers["x-amzn-requestid"]


async def _status(client, cookies, session=None):
    session = client.credentials.cookies["session-id"] if session is None else session
    jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = httpx.Headers({"cookie": jar, "x-amzn-sessionid": session})
    return (await client.stranger.get("/drive/v1/account/info", headers=headers)).status_code


async def test_account_answers_have_the_shapes_of_the_reference(client, jpeg):
    await client.upload("a.jpg", jpeg())
    await client.upload("a.txt", b"hello")
    usage = await client.get("account/usage")
    assert set(usage) == {"lastCalculated", "other", "doc", "photo", "video"}
    assert usage["photo"]["total"]["count"] == 1
    assert usage["photo"]["billable"] == {"bytes": 0, "count": 0}
    assert usage["doc"] == {"total": {"bytes": 5, "count": 1}, "billable": {"bytes": 5, "count": 1}}
    quota = await client.get("account/quota")
    assert quota["available"] <= quota["quota"]
    endpoint = await client.get("account/endpoint")
    assert endpoint["customerExists"] is True
    assert endpoint["contentUrl"] == "http://photos.test/cdproxy/"
    assert endpoint["metadataUrl"] == "http://photos.test/drive/v1/"
