"""One test per knob of ``/_internal/behaviour``, except visibility lag, which has a file of its own."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import anyio
import msgspec
import pytest

from ap_remote_emulator.faults import Behaviour, Knobs, bodies
from ap_remote_emulator.faults.sessions import Sessions
from ap_remote_emulator.seed import seed


async def turn(client, **knobs):
    return await client.call("POST", "/_internal/behaviour", json=knobs)


async def wait(client, milliseconds):
    await client.call("POST", "/_internal/clock", json={"advanceMs": milliseconds})


async def statuses(client, number, path="/drive/v1/account/info"):
    return [(await client.http.get(path)).status_code for _ in range(number)]


async def lines_of(client, **body):
    answer = await client.http.post("/drive/v1/changes", json=body)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


# Pages.


async def _by_offset(client, path, **query):
    found = []
    for offset in range(0, 30, 10):
        found += [node["id"] for node in (await client.get(path, limit=10, offset=offset, **query))["data"]]
    return found


@pytest.mark.parametrize(("path", "filters"), [("nodes", "kind:FILE"), ("search", "type:(PHOTOS)")])
async def test_pages_by_offset_can_repeat_rows(client, path, filters):
    seed(client.store, 30)
    await turn(client, paging={"duplicate": 2})
    found = await _by_offset(client, path, filters=filters)
    assert len(found) == 30
    assert len(set(found)) == 28
    assert found[8:10] == found[10:12]


async def test_pages_by_offset_can_skip_rows(client):
    seed(client.store, 30)
    whole = await _by_offset(client, "nodes", filters="kind:FILE")
    await turn(client, paging={"skip": 3})
    found = await _by_offset(client, "nodes", filters="kind:FILE")
    assert set(whole) - set(found) == set(whole[10:13])
    assert (await client.get("nodes", filters="kind:FILE", limit=1))["count"] == 30


async def test_tokens_can_be_switched_off(client):
    seed(client.store, 30)
    await turn(client, paging={"tokens": False})
    page = await client.get("nodes", filters="kind:FILE", limit=10)
    assert (len(page["data"]), page["count"], "nextToken" in page) == (10, 30, False)


async def test_a_walk_by_token_can_expire_on_its_way_once(client):
    seed(client.store, 50)
    await turn(client, paging={"tokenPages": 2})
    page = await client.get("nodes", filters="kind:FILE", limit=10)
    for _ in range(2):
        page = await client.get("nodes", startToken=page["nextToken"], limit=10)
    assert await client.get("nodes", 400, startToken=page["nextToken"]) == {"message": "Next token is expired"}
    await client.get("nodes", startToken=page["nextToken"], limit=10)


async def test_tokens_can_live_shorter(client):
    seed(client.store, 30)
    await turn(client, paging={"tokenLife": 5_000})
    token = (await client.get("nodes", filters="kind:FILE", limit=10))["nextToken"]
    await wait(client, 4_000)
    await client.get("nodes", startToken=token)
    await wait(client, 1_001)
    assert await client.get("nodes", 400, startToken=token) == {"message": "Next token is expired"}


# Refusals.


async def test_throttling_comes_in_bursts(client):
    await turn(client, throttle={"every": 2, "length": 3})
    assert await statuses(client, 10) == [200, 200, 429, 429, 429, 200, 200, 429, 429, 429]
    await statuses(client, 2)
    answer = await client.http.get("/drive/v1/account/info")
    assert (answer.json(), "retry-after" in answer.headers) == ({"message": "Rate exceeded"}, False)


async def test_throttling_can_say_how_long_to_wait(client):
    await turn(client, throttle={"every": 1, "retryAfter": 7})
    await statuses(client, 1)
    answer = await client.http.get("/drive/v1/account/info")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [("html", "text/html", "503 - Service Unavailable"), ("json", "application/json", "Please back off for a while")],
)
async def test_the_service_can_be_busy_in_two_voices(client, body, kind, text):
    await turn(client, busy={"every": 1, "body": body})
    await statuses(client, 1)
    answer = await client.http.get("/drive/v1/account/info")
    assert (answer.status_code, answer.headers["content-type"]) == (503, kind)
    assert text in answer.text


async def test_a_busy_service_can_say_nothing(client):
    await turn(client, busy={"every": 1, "body": "empty"})
    await statuses(client, 1)
    answer = await client.http.get("/drive/v1/account/info")
    assert (answer.status_code, answer.content) == (503, b"")


async def test_more_requests_at_once_than_allowed_are_refused(client):
    await turn(client, concurrency=1)
    begun, released = asyncio.Event(), asyncio.Event()

    async def body():
        yield b"a"
        begun.set()
        await released.wait()
        yield b"b"

    upload = asyncio.create_task(client.http.post("/cdproxy/nodes", params={"name": "a.txt"}, content=body()))
    await begun.wait()
    assert await statuses(client, 1) == [503]
    released.set()
    assert (await upload).status_code == 201
    assert await statuses(client, 1) == [200]


# Sessions.


async def test_a_session_ends_after_so_many_requests_until_the_cookie_is_another(client):
    await turn(client, session={"requests": 2})
    assert await statuses(client, 4) == [200, 200, 401, 401]
    assert (await client.get("account/info", 401)) == {"Message": "No Auth Method Provided"}
    denied = (await client.http.post("/cdproxy/nodes", params={"name": "a.txt"}, content=b"a")).json()
    assert (denied["message"], denied["code"], "logref" in denied) == ("No Auth Method Provided", "", True)
    cookies = client.http.cookies
    cookies["at-main"] = client.store.knobs.sessions.alias(cookies["at-main"])
    assert await statuses(client, 3) == [200, 200, 401]


async def _shown(client, cookies, session):
    """Return the status for these cookies and this session header, and the cookies that are good from then on."""
    client.stranger.cookies.clear()
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    answer = await client.stranger.get("/drive/v1/account/info", headers={"cookie": text, "x-amzn-sessionid": session})
    return answer.status_code, {**cookies, **answer.cookies}


async def test_cookies_rotate_and_the_old_ones_are_good_for_a_while(client):
    await turn(client, session={"rotateEvery": 3, "grace": 10_000})
    old = dict(client.http.cookies)
    for _ in range(2):
        assert await _shown(client, old, old["session-id"]) == (200, old)
    status, new = await _shown(client, old, old["session-id"])
    assert status == 200
    assert {name for name in old if new[name] != old[name]} == {"at-main", "session-id"}
    assert new["at-main"].startswith("Atza|")
    assert await _shown(client, old, old["session-id"]) == (200, old)
    assert await _shown(client, new, new["session-id"]) == (200, new)
    await wait(client, 10_001)
    assert (await _shown(client, old, old["session-id"]))[0] == 401
    assert (await _shown(client, {**old, "at-main": new["at-main"]}, old["session-id"]))[0] == 401
    assert (await _shown(client, new, new["session-id"]))[0] == 200


async def test_the_session_header_must_follow_a_rotation(client):
    await turn(client, session={"rotateEvery": 1, "grace": 10_000})
    old = dict(client.http.cookies)
    _, new = await _shown(client, old, old["session-id"])
    await wait(client, 10_001)
    assert (await _shown(client, new, old["session-id"]))[0] == 401
    assert (await _shown(client, new, new["session-id"]))[0] == 200


async def test_an_access_token_ends_and_a_fresh_one_is_given(client):
    await turn(client, session={"tokenRequests": 2})

    async def status(token):
        answer = await client.stranger.get("/drive/v1/account/info", headers={"x-amz-access-token": token})
        return answer.status_code, answer.json()

    async def token():
        answer = await client.http.get("/photos/auth/token")
        return answer.json()["access_token"]

    first = await token()
    assert [(await status(first))[0] for _ in range(2)] == [200, 200]
    assert await status(first) == (401, {"message": "Token has expired"})
    second = await token()
    assert second != first
    assert second.startswith("Atza|")
    assert [(await status(second))[0] for _ in range(3)] == [200, 200, 401]


def test_no_value_of_a_session_is_in_its_repr():
    sessions = Sessions()
    alias = sessions.alias("Atza|canary")
    sessions.spend(alias, 0)
    assert "canary" not in repr(sessions)
    assert alias not in repr(sessions)


# Uploads.


async def test_an_upload_is_stored_and_denied_and_appears_later(client):
    await turn(client, uploads={"denied": 1, "appears": 60_000})
    answer = await client.http.post("/cdproxy/nodes", params={"name": "a.txt"}, content=b"a")
    assert answer.status_code == 504
    md5 = "contentProperties.md5:0cc175b9c0f1b6a831c399e269772661"
    assert (await client.get("nodes", filters=md5))["count"] == 0
    await client.upload("a.txt", b"a", 409)
    await client.upload("b.txt", b"b")
    assert await client.names(filters="kind:FILE") == ["b.txt"]
    await wait(client, 60_001)
    assert (await client.get("nodes", filters=md5))["count"] == 1


async def test_a_file_can_be_pending_and_without_properties_for_a_while(client):
    await turn(client, uploads={"pending": 60_000})
    node = await client.upload("a.txt", b"a")
    [listed] = (await client.get("nodes", filters="kind:FILE"))["data"]
    got = await client.get(f"nodes/{node['id']}")
    [told] = [each for line in (await lines_of(client))[:-1] for each in line["nodes"] if each["kind"] == "FILE"]
    for each in (node, listed, got, told):
        assert each["status"] == "PENDING"
        assert "contentProperties" not in each
    assert await client.content(node["id"]) == b"a"
    await wait(client, 60_001)
    got = await client.get(f"nodes/{node['id']}")
    assert (got["status"], got["contentProperties"]["size"]) == ("AVAILABLE", 1)


# Account, purge, trash.


async def test_the_numbers_of_usage_and_quota_can_be_strings(client):
    await client.upload("a.txt", b"abc")
    await turn(client, textNumbers=True)
    usage = await client.get("account/usage")
    assert usage["doc"] == {"total": {"bytes": "3", "count": "1"}, "billable": {"bytes": "3", "count": "1"}}
    quota = await client.get("account/quota")
    assert isinstance(quota["quota"], str)
    assert quota["quota"].isdigit()


async def test_a_purge_can_fail_for_single_ids(client):
    a, b = [(await client.upload(name, name.encode()))["id"] for name in ("a.txt", "b.txt")]
    await turn(client, purgeErrors={a: 500})
    assert await client.post("bulk/nodes/purge", nodeIds=[a, b, "unknown"]) == {"errorMap": {a: 500, "unknown": 404}}
    await client.get(f"nodes/{a}")
    await client.get(f"nodes/{b}", 404)
    await turn(client, purgeErrors={"*": 503})
    assert await client.post("bulk/nodes/purge", nodeIds=[a]) == {"errorMap": {a: 503}}


async def test_trashing_can_fail_for_single_ids(client):
    a, b = [(await client.upload(name, name.encode()))["id"] for name in ("a.txt", "b.txt")]
    await turn(client, trashErrors={a: 409})
    answer = await client.trash(a, b)
    assert answer["errorMap"] == {a: 409}
    assert await client.names("trash") == ["b.txt"]
    assert await client.names(filters="kind:FILE") == ["a.txt"]


# The delta stream.


async def test_an_older_version_can_come_after_a_newer_one(client):
    await turn(client, delta={"older": True})
    file = (await client.upload("a.txt", b"a"))["id"]
    await client.patch(f"nodes/{file}", name="b.txt")
    *lines, end = await lines_of(client)
    told = [(node["version"], node["name"]) for line in lines for node in line["nodes"] if node["id"] == file]
    assert told == [(2, "b.txt"), (1, "a.txt")]
    assert end == {"end": True}
    assert lines[-1]["checkpoint"] == lines[-2]["checkpoint"]


async def test_children_can_come_before_their_parents(client):
    outer = await client.folder("outer")
    inner = await client.folder("inner", outer)
    await turn(client, delta={"reverse": True})
    ids = [node["id"] for line in (await lines_of(client))[:-1] for node in line["nodes"]]
    assert ids.index(inner) < ids.index(outer) < ids.index(await client.root())


async def test_the_stream_can_break_off_without_its_end_and_be_gone_on_with(client):
    seed(client.store, 30)
    await turn(client, delta={"lines": 2, "times": 1})
    broken = await lines_of(client, chunkSize=10)
    assert len(broken) == 2
    assert all("end" not in line for line in broken)
    rest = await lines_of(client, chunkSize=10, checkpoint=broken[-1]["checkpoint"])
    assert rest[-1] == {"end": True}
    ids = [node["id"] for line in [*broken, *rest[:-1]] for node in line["nodes"]]
    assert len(ids) == len(set(ids)) == 30 + 5 + 2


async def test_a_line_can_have_another_status_and_nothing_is_lost_behind_it(client):
    seed(client.store, 30)
    await turn(client, delta={"status": 503, "statusLine": 1, "times": 1})
    first, trouble, end = await lines_of(client, chunkSize=10)
    assert (trouble["statusCode"], trouble["nodes"], trouble["checkpoint"]) == (503, [], first["checkpoint"])
    assert end == {"end": True}
    rest = await lines_of(client, checkpoint=trouble["checkpoint"])
    assert len(first["nodes"]) + sum(len(line["nodes"]) for line in rest[:-1]) == 30 + 5 + 2


async def test_a_reset_can_be_forced(client):
    checkpoint = (await lines_of(client))[-2]["checkpoint"]
    await turn(client, delta={"resets": 1})
    first = await lines_of(client, checkpoint=checkpoint)
    assert (first[0]["reset"], len(first[0]["nodes"])) == (True, 5)
    assert (await lines_of(client, checkpoint=checkpoint))[0] == {
        "checkpoint": checkpoint,
        "reset": False,
        "nodes": [],
        "statusCode": 200,
    }


# Bytes.


async def test_bytes_can_come_slowly_and_come_all(client, monkeypatch):
    node = await client.upload("a.bin", b"0123456789" * 100)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(bodies.anyio, "sleep", sleep)
    await turn(client, bodies={"bytesPerSecond": 500})
    assert await client.content(node["id"]) == b"0123456789" * 100
    assert sum(slept) == pytest.approx(2.0)
    assert len(slept) == 20
    assert bodies.anyio is anyio


async def test_a_download_can_be_cut_under_its_true_length(client):
    node = await client.upload("a.bin", b"0123456789")
    await turn(client, bodies={"truncate": 4})
    answer = await client.http.get(f"/cdproxy/nodes/{node['id']}")
    assert (answer.headers["content-length"], answer.content) == ("10", b"0123")
    assert (await client.get(f"nodes/{node['id']}"))["name"] == "a.bin"


@pytest.mark.parametrize(("off", "length", "content"), [(-3, "7", b"0123456"), (5, "15", b"0123456789")])
async def test_the_length_can_be_wrong_both_ways(client, off, length, content):
    node = await client.upload("a.bin", b"0123456789")
    await turn(client, bodies={"lengthOff": off})
    answer = await client.http.get(f"/cdproxy/nodes/{node['id']}")
    assert (answer.headers["content-length"], answer.content) == (length, content)


async def test_a_redirect_can_lead_to_a_foreign_host(client):
    node = await client.upload("a.txt", b"a")
    await turn(client, bodies={"redirectTo": "https://elsewhere.test:8443"})
    answer = await client.http.get(f"/drive/v1/nodes/{node['id']}/contentRedirection")
    target = answer.headers["location"]
    assert answer.status_code == 302
    assert target.startswith(f"https://elsewhere.test:8443/content/signed/{node['id']}?")
    assert "X-Amz-Signature" in target


# The knobs themselves.


async def test_everything_is_off_until_it_is_turned_and_off_again_after_a_reset(client):
    off = await client.call("GET", "/_internal/behaviour")
    assert off["lag"]["create"] == off["concurrency"] == 0
    assert (await turn(client, concurrency=3, lag={"trash": 5}))["lag"]["trash"] == 5
    assert (await client.call("GET", "/_internal/behaviour"))["concurrency"] == 3
    await client.call("POST", "/_internal/reset")
    assert await client.call("GET", "/_internal/behaviour") == off


async def test_turning_a_knob_begins_every_count_anew(client):
    await turn(client, session={"requests": 1})
    assert await statuses(client, 2) == [200, 401]
    await turn(client, session={"requests": 1})
    assert await statuses(client, 2) == [200, 401]


async def test_what_lies_under_internal_is_spared(client):
    await turn(client, busy={"every": 1, "length": 100})
    assert await statuses(client, 3, "/_internal/health") == [200, 200, 200]


def test_bursts_are_counted_apart():
    knobs = Knobs()
    knobs.turn(Behaviour())
    assert [knobs.refuses("a", 1, 2) for _ in range(4)] == [False, True, True, False]
    assert knobs.refuses("b", 1, 2) is False
    assert not any(knobs.refuses("c", 0, 2) for _ in range(4))


def test_what_befalls_a_few_times_ends_and_what_befalls_always_does_not():
    knobs = Knobs()
    assert [knobs.befalls("a", 2) for _ in range(3)] == [True, True, False]
    assert all(knobs.befalls("b", -1) for _ in range(3))
    assert not knobs.befalls("c", 0)


def test_every_knob_has_its_row_in_the_documentation():
    def names(kind, before=""):
        for field in msgspec.structs.fields(kind):
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                yield from names(field.type, f"{field.encode_name}.")
            else:
                yield before + field.encode_name

    text = (Path(__file__).parents[3] / "docs" / "service.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.partition("### The knobs")[2].splitlines() if line.startswith("| `")]
    shown = set()
    for row in rows:
        words = re.findall("`([^`]+)`", row)
        shown |= {words[0].partition(".")[0] + word if word.startswith(".") else word for word in words}
    assert shown == set(names(Behaviour))
