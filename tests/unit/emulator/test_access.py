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
    assert set(found) == {"cookies", "access_token", "owner_id", "refresh_token"}
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


async def test_a_bearer_opens_the_door_whatever_the_case_of_its_scheme(client):
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"authorization": f"{scheme} {client.credentials.access_token}"}
        assert (await client.stranger.get("/drive/v1/account/endpoint", headers=headers)).status_code == 200


async def test_the_cookies_give_an_access_token_that_ends(client):
    answer = await client.call("GET", "/photos/auth/token", params={"_": "1"})
    assert set(answer) == {"access_token", "duration"}
    assert answer["access_token"] != client.credentials.access_token
    life = int(answer["duration"])
    assert await _with_token(client, answer["access_token"]) == 200
    client.store.clock.advance(life * 1000 - 1000)
    assert await _with_token(client, answer["access_token"]) == 200
    client.store.clock.advance(1000)
    assert await _with_token(client, answer["access_token"]) == 401
    assert await _with_token(client, client.credentials.access_token) == 200


async def test_only_cookies_give_an_access_token(client):
    headers = {"x-amz-access-token": client.credentials.access_token}
    assert (await client.stranger.get("/photos/auth/token", headers=headers)).status_code == 401


async def test_an_expired_bearer_is_told_so(client):
    token = (await client.call("GET", "/photos/auth/token"))["access_token"]
    client.store.clock.advance(3_600_001)
    headers = {"authorization": f"Bearer {token}"}
    answer = await client.stranger.get("/drive/v1/nodes", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "Token has expired"})
    answer = await client.stranger.get("/cdproxy/nodes/abc", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["message"] == "Token has expired"
    assert "logref" in answer.json()


@pytest.mark.parametrize("token", ["", "Atza|", "Atza|abc", "nonsense", "Atza|" + "A" * 200])
async def test_a_token_that_was_never_given_is_refused(client, token):
    assert await _with_token(client, token) == 401
    answer = await client.stranger.get("/drive/v1/nodes", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()) == (401, A)


async def test_cookies_do_not_make_a_bad_token_good(client):
    answer = await client.http.get("/drive/v1/nodes", headers={"x-amz-access-token": "Atza|wrong"})
    assert answer.status_code == 401


async def test_another_authorization_scheme_is_no_credential(client):
    headers = {"authorization": f"Basic {client.credentials.access_token}"}
    assert (await client.stranger.get("/drive/v1/nodes", headers=headers)).status_code == 401
    assert (await client.http.get("/drive/v1/nodes", headers=headers)).status_code == 200


async def _with_token(client, token):
    answer = await client.stranger.get("/drive/v1/account/info", headers={"x-amz-access-token": token})
    return answer.status_code


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


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/drive/v1/cluster/merge", 404),
        ("POST", "/drive/v1/upload/init", 404),
        ("POST", "/upload/init", 404),
        ("DELETE", "/drive/v1/nodes/AAAAAAAAAAAAAAAAAAAAAA", 405),
        ("GET", "/drive/v1/account/benefits", 404),
        ("GET", "/drive/v1/account/taggingStatus", 404),
        ("PUT", "/drive/v1/account/preferences/x", 404),
        ("POST", "/drive/v1/account", 404),
        ("GET", "/drive/v1/histogram", 404),
        ("GET", "/drive/v1/groups", 404),
        ("GET", "/drive/v1/groups/AAAAAAAAAAAAAAAAAAAAAA/collections", 404),
        ("GET", "/drive/v2/memories/v1/collections/this_day_filtered", 404),
        ("GET", "/ap/oa", 404),
    ],
)
async def test_doubtful_endpoints_and_those_of_the_app_alone_are_absent(client, method, path, status):
    answer = await client.http.request(method, path, json={"clusterIds": []})
    assert answer.status_code == status
    if status == 404:
        assert answer.text == "<UnknownOperationException/>"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "account/info"),
        ("POST", "account/usage"),
        ("PUT", "nodes"),
        ("POST", "nodes/x"),
        ("GET", "trash/x"),
        ("GET", "trash/x/restore"),
        ("GET", "batchLink"),
        ("GET", "bulk/nodeByDigest"),
        ("PATCH", "nodes/x/children/y"),
        ("POST", "nodes/x/properties/o/k"),
    ],
)
async def test_a_wrong_method_is_405(client, method, path):
    answer = await client.http.request(method, f"/drive/v1/{path}")
    assert (answer.status_code, answer.json()) == (405, {"message": "Method Not Allowed"})


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
    assert set(endpoint) == {
        *("customerExists", "contentUrl", "metadataUrl", "retailUrl", "thumbnailServiceUrl", "downloadServiceUrl"),
        *("region", "countryAtSignup", "marketplaceAtSignup"),
    }


async def test_photographs_are_not_billed_and_films_are(client, jpeg):
    await client.upload("a.jpg", jpeg())
    await client.upload("a.mp4", b"no film, but named so")
    usage = await client.get("account/usage")
    assert usage["video"]["total"]["count"] == usage["video"]["billable"]["count"] == 1
    assert usage["photo"]["billable"] == {"bytes": 0, "count": 0}


class _Body:
    """The messages of a body, of which it is counted how many were read."""

    def __init__(self, pieces, size):
        self.pieces, self.size, self.read = pieces, size, 0

    async def receive(self):
        self.read += 1
        return {"type": "http.request", "body": bytes(self.size), "more_body": self.read < self.pieces}


async def _refused(app, body, **headers):
    sent = []

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in {"host": "photos.test", **headers}.items()]
    scope = {"type": "http", "method": "POST", "path": "/cdproxy/nodes", "raw_path": b"/cdproxy/nodes"}
    scope |= {"query_string": b"name=a", "headers": raw, "http_version": "1.1", "scheme": "http"}
    scope |= {"server": ("photos.test", 80), "client": ("photos.test", 1), "root_path": "", "asgi": {"version": "3.0"}}
    await app(scope, body.receive, send)
    assert sent[0]["status"] == 401
    return dict(sent[0]["headers"])


async def test_a_stranger_is_refused_after_the_whole_body(app):
    body = _Body(pieces=30, size=1 << 20)
    headers = await _refused(app, body)
    assert body.read == 30
    assert b"connection" not in headers


async def test_of_an_endless_body_only_so_much_is_read(app):
    body = _Body(pieces=1000, size=1 << 20)
    headers = await _refused(app, body)
    assert body.read == 65
    assert headers[b"connection"] == b"close"


async def test_who_asks_before_sending_is_refused_at_once(app):
    body = _Body(pieces=3, size=1)
    headers = await _refused(app, body, expect="100-continue")
    assert body.read == 0
    assert headers[b"connection"] == b"close"


async def test_a_host_header_does_not_change_the_door(client):
    token = {"x-amz-access-token": client.credentials.access_token}
    for host in ("photos.test/x?", "photos.test/x#", "photos.test"):
        answer = await client.stranger.get("/photos/auth/token", headers={**token, "host": host})
        assert answer.status_code == 401
