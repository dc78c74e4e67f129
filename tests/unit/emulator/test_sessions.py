from __future__ import annotations

import json
import stat
import threading

import httpx
import pytest

from ap_remote_emulator.app import create_app
from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import credentials, sessions


def _in_file(client):
    return json.loads((client.store.data / "credentials.json").read_text())["cookies"]


async def _status(client, cookies):
    jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"cookie": jar, "x-amzn-sessionid": cookies["session-id"]}
    return (await client.stranger.get("/drive/v1/account/info", headers=headers)).status_code


async def _exchange(client, cookies, status=200, **form):
    whole = {
        "app_name": "Amazon Drive",
        "requested_token_type": "auth_cookies",
        "domain": ".amazon.com",
        "source_token_type": "refresh_token",
        "source_token": cookies.get("sess-at-main", ""),
        **form,
    }
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    answer = await client.stranger.post("/ap/exchangetoken/refresh", data=whole, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def _named(body):
    return {cookie["Name"]: cookie["Value"] for cookie in body["response"]["tokens"]["cookies"]}


def test_older_credentials_are_completed_and_keep_what_they_had(data):
    create_app(data).state.store.close()
    path = data / "credentials.json"
    old = json.loads(path.read_text())
    del old["refresh_token"]
    old["cookies"] = {name: old["cookies"][name] for name in ("session-id", "ubid-main", "at-main")}
    path.write_text(json.dumps(old))
    path.chmod(0o644)
    create_app(data).state.store.close()
    new = json.loads(path.read_text())
    assert old["cookies"].items() < new["cookies"].items()
    assert {"sess-at-main", "sst-main", "x-main", "session-token"} < new["cookies"].keys()
    assert (new["access_token"], new["owner_id"]) == (old["access_token"], old["owner_id"])
    assert new["refresh_token"].startswith("Atnr|")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    create_app(data).state.store.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"cookies": {}, "access_token": "Atza|x", "owner_id": "A"}'])
def test_damaged_credentials_are_refused_without_showing_them(data, content):
    create_app(data).state.store.close()
    (data / "credentials.json").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        create_app(data)
    assert "Atza" not in str(caught.value)
    assert (data / "credentials.json").read_bytes() == content


def test_threads_that_make_credentials_at_once_agree(data):
    data.mkdir()
    found = []
    threads = [threading.Thread(target=lambda: found.append(credentials.load(data, "A1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.access_token for each in found}) == 1
    assert not list(data.glob(".credentials*"))


async def test_a_session_that_was_ended_is_refused_and_the_file_has_the_next(client):
    old = dict(client.credentials.cookies)
    sessions.expire_current(client.store)
    assert await _status(client, old) == 401
    new = _in_file(client)
    assert new["at-main"] != old["at-main"]
    assert await _status(client, new) == 200


async def test_a_rotated_cookie_is_good_for_a_while(client):
    old = dict(client.credentials.cookies)
    (line,) = sessions.rotate(client.store)
    name, _, rest = line.partition("=")
    value, *attributes = rest.split("; ")
    assert (name, value) == ("at-main", _in_file(client)["at-main"])
    assert attributes == ["Path=/", "HttpOnly"]
    assert await _status(client, old) == 200
    assert await _status(client, {**old, "at-main": value}) == 200
    client.store.clock.advance(sessions.GRACE_S * 1000)
    assert await _status(client, old) == 401
    assert await _status(client, {**old, "at-main": value}) == 200


async def test_what_was_shown_by_no_session_is_no_former_one(client):
    old = dict(client.credentials.cookies)
    sessions.rotate(client.store)
    assert await _status(client, {**old, "at-main": "Atza|never"}) == 401
    assert await _status(client, {**old, "ubid-main": "123-1234567-1234567"}) == 401


async def test_no_cookie_stands_in_the_database(client):
    old = client.credentials.cookies["at-main"]
    sessions.rotate(client.store)
    client.store.close()
    stored = b"".join(path.read_bytes() for path in client.store.data.glob("library.db*"))
    assert old.encode() not in stored
    assert _in_file(client)["at-main"].encode() not in stored


async def test_an_ended_session_is_renewed_with_sess_at(client):
    old = dict(client.credentials.cookies)
    sessions.expire_current(client.store)
    fresh = _named(await _exchange(client, old))
    assert set(fresh) == {"at-main", "sess-at-main", "session-id"}
    assert await _status(client, {**old, **fresh}) == 200
    assert fresh["at-main"] == _in_file(client)["at-main"]


async def test_a_session_may_be_renewed_before_it_ends(client):
    old = dict(client.credentials.cookies)
    fresh = _named(await _exchange(client, old))
    assert fresh["at-main"] != old["at-main"]
    assert await _status(client, {**old, **fresh}) == 200
    assert await _status(client, old) == 200
    client.store.clock.advance(sessions.GRACE_S * 1000)
    assert await _status(client, old) == 401


async def test_two_clients_that_renew_do_not_end_each_others_session(client):
    old = dict(client.credentials.cookies)
    first = _named(await _exchange(client, old))
    second = _named(await _exchange(client, old))
    assert first == second


async def test_a_session_of_another_marketplace_is_renewed_under_its_names(client):
    german = {name.replace("-main", "-acbde"): value for name, value in client.credentials.cookies.items()}
    sessions.expire_current(client.store)
    fresh = _named(await _exchange(client, german, domain=".amazon.de", source_token=german["sess-at-acbde"]))
    assert set(fresh) == {"at-acbde", "sess-at-acbde", "session-id"}
    assert await _status(client, {**german, **fresh}) == 200


async def test_a_session_is_renewed_without_its_at_cookie(client):
    cookies = {name: value for name, value in client.credentials.cookies.items() if name != "at-main"}
    fresh = _named(await _exchange(client, cookies))
    assert await _status(client, {**cookies, **fresh}) == 200


@pytest.mark.parametrize("wrong", ["session-id", "ubid-main", "sess-at-main"])
async def test_a_stranger_renews_nothing(client, wrong):
    good = dict(client.credentials.cookies)
    for cookies in ({**good, wrong: "Atza|wrong"}, {name: value for name, value in good.items() if name != wrong}):
        body = await _exchange(client, cookies, 401, source_token=good["sess-at-main"])
        assert body == {"Message": "No Auth Method Provided"}
    assert _in_file(client) == good


async def test_an_exchange_must_ask_for_what_there_is(client):
    good = dict(client.credentials.cookies)
    await _exchange(client, good, 401, source_token="wrong")
    await _exchange(client, good, 400, requested_token_type="access_token")
    await _exchange(client, good, 400, source_token_type="cookie")
    jar = "; ".join(f"{name}={value}" for name, value in good.items())
    for content in (b"", b"\xff\xfe", b"x" * 100_000):
        answer = await client.stranger.post("/ap/exchangetoken/refresh", content=content, headers={"cookie": jar})
        assert answer.status_code == 400
    assert _in_file(client) == good


async def test_a_second_service_over_the_folder_knows_of_a_renewal(client, data):
    old = dict(client.credentials.cookies)
    other = create_app(data)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=other), base_url="http://b.test") as second:

            async def status(cookies):
                jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
                headers = {"cookie": jar, "x-amzn-sessionid": cookies["session-id"]}
                return (await second.get("/drive/v1/account/info", headers=headers)).status_code

            assert await status(old) == 200
            sessions.expire_current(client.store)
            assert await status(old) == 401
            assert await status(_in_file(client)) == 200
            token = sessions.issue_token(client.store)
            answer = await second.get("/drive/v1/account/info", headers={"x-amz-access-token": token})
            assert answer.status_code == 200
    finally:
        other.state.store.close()


async def test_credentials_deleted_under_a_running_service_put_nobody_out(client):
    (client.store.data / "credentials.json").unlink()
    assert (await client.http.get("/drive/v1/account/info")).status_code == 200


async def test_an_empty_credential_opens_nothing_even_when_the_file_has_it_so(client):
    path = client.store.data / "credentials.json"
    found = json.loads(path.read_text())
    cookies = {name: value for name, value in found["cookies"].items() if name != "sess-at-main"}
    path.write_text(json.dumps({**found, "access_token": "", "refresh_token": "", "cookies": cookies}))
    assert (await client.stranger.get("/drive/v1/nodes", headers={"authorization": "Bearer "})).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": ""}
    assert (await client.stranger.post("/auth/o2/token", data=form)).status_code == 400
    await _exchange(client, {**cookies, "sess-at-main": ""}, 401)


async def test_a_reset_keeps_the_sessions(client):
    old = dict(client.credentials.cookies)
    sessions.rotate(client.store)
    await client.http.post("/_internal/reset")
    assert await _status(client, old) == 200
    assert await _status(client, _in_file(client)) == 200


async def test_an_oauth_client_refreshes_with_its_refresh_token(client):
    form = {"grant_type": "refresh_token", "refresh_token": client.credentials.refresh_token, "client_id": "any"}
    answer = await client.stranger.post("/auth/o2/token", data=form)
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "expires_in", "token_type", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    headers = {"authorization": f"Bearer {body['access_token']}"}
    assert (await client.stranger.get("/drive/v1/nodes", headers=headers)).status_code == 200
    client.store.clock.advance(3_600_000)
    assert (await client.stranger.get("/drive/v1/nodes", headers=headers)).status_code == 401
    again = await client.stranger.post("/auth/o2/token", data={**form, "refresh_token": body["refresh_token"]})
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "Atnr|wrong"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_an_oauth_refresh_that_cannot_be_is_refused_in_oauths_words(client, form, error):
    answer = await client.stranger.post("/auth/o2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


async def test_an_app_refreshes_with_its_refresh_token(client):
    body = {
        "app_name": "x",
        "app_version": "1",
        "source_token_type": "refresh_token",
        "source_token": client.credentials.refresh_token,
        "requested_token_type": "access_token",
    }
    answer = (await client.stranger.post("/auth/token", json=body)).json()
    assert set(answer) == {"access_token", "expires_in", "token_type", "request_id"}
    headers = {"x-amz-access-token": answer["access_token"]}
    assert (await client.stranger.get("/drive/v1/nodes", headers=headers)).status_code == 200
    for changed in ({"source_token": "Atnr|wrong"}, {"source_token": 5}, {"requested_token_type": "auth_cookies"}):
        refused = await client.stranger.post("/auth/token", json={**body, **changed})
        assert refused.status_code == 400
        assert set(refused.json()) == {"error", "error_description"}
    assert (await client.stranger.post("/auth/token", content=b"{")).status_code == 400


async def test_the_token_info_tells_how_long_a_token_lives(client):
    token = sessions.issue_token(client.store)
    client.store.clock.advance(600_000)
    answer = (await client.stranger.get("/auth/o2/tokeninfo", params={"access_token": token})).json()
    assert answer["user_id"] == client.credentials.owner_id
    assert 2990 <= answer["exp"] <= 3000
    client.store.clock.advance(3_000_000)
    for bad in (token, "Atza|x", ""):
        refused = await client.stranger.get("/auth/o2/tokeninfo", params={"access_token": bad})
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_token")
