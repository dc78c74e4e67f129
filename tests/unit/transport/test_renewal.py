"""What the client does about a 401, against an application that plays all of Amazon's hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.api import account, content, nodes
from ap_remote.errors import AuthenticationError, RemoteError, UnavailableError
from ap_remote.transport import Breaker, FileStore, Hosts, Retry, Session, Transport
from ap_remote.wire.session import ACCESS_TOKEN, REFRESHED
from tests.unit.transport.amazon import INFO, NODE, REFRESH, TOKEN, Amazon, Answer, Request

OLD = {
    "session-id": "canary-111-2222222-3333333",
    "ubid-main": "canary-444-5555555-6666666",
    "at-main": "Atza|canary-old",
}
RENEWABLE = {**OLD, "sess-at-main": "canary-refresh-1"}
CALLS = [account.info(), nodes.node("n" * 22)]


def upload(body: bytes | Path = b"bytes", size: int = 5) -> Any:
    return content.upload("a.jpg", "p" * 22, body, md5="0" * 32, size=size)


def session(cookies: dict[str, str] | None = None, **options: Any) -> Session:
    return Session(cookies or RENEWABLE, Hosts.for_marketplace("com"), **options)


@pytest.fixture
def opened(retry: Retry) -> Callable[..., Transport]:
    def opened(amazon: Amazon, each: Session | None = None, **options: Any) -> Transport:
        return Transport(each or session(), app=amazon, retry=retry, **options)

    return opened


def refused(request: Request) -> Answer:
    return 400, {"message": "no"}


async def test_a_session_is_renewed_once_and_the_call_sent_again(opened: Any) -> None:
    amazon = Amazon("somebody else's")
    async with opened(amazon) as transport:
        assert (await transport.send(account.info())).status == "ACTIVE"
        await transport.send(account.info())
    assert [each.path for each in amazon.requests] == [INFO, REFRESH, INFO, INFO]
    assert amazon.requests[2].cookies["at-main"] == amazon.at
    assert amazon.requests[2].cookies["sess-at-main"] == amazon.sess


async def test_the_renewal_is_a_form_with_the_refresh_token_in_its_body_alone(opened: Any) -> None:
    amazon = Amazon(None)
    async with opened(amazon) as transport:
        await transport.send(account.info())
    (request,) = amazon.asked(REFRESH)
    assert (request.method, request.host) == ("POST", "www.amazon.com")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "app_name": "Amazon Drive",
        "requested_token_type": "auth_cookies",
        "domain": ".amazon.com",
        "source_token_type": "refresh_token",
        "source_token": "canary-refresh-1",
    }
    assert request.cookies == RENEWABLE
    assert request.headers["x-amzn-sessionid"] == OLD["session-id"]


@pytest.mark.parametrize(
    ("hosts", "suffix", "domain"),
    [
        (Hosts.for_marketplace("co.uk"), "acbuk", ".amazon.co.uk"),
        (Hosts.for_service("http://127.0.0.1:8400"), "acbjp", ".amazon.co.jp"),
    ],
)
async def test_the_domain_is_the_marketplaces(opened: Any, hosts: Hosts, suffix: str, domain: str) -> None:
    amazon = Amazon(None)
    amazon.suffix = suffix
    cookies = {name.replace("main", suffix): value for name, value in RENEWABLE.items()}
    async with opened(amazon, Session(cookies, hosts)) as transport:
        await transport.send(account.info())
    assert amazon.asked(REFRESH)[0].form["domain"] == domain


async def test_a_new_session_id_is_followed_by_its_header(opened: Any) -> None:
    amazon = Amazon(None)

    def renew(request: Request) -> Answer:
        amazon.at = "Atza|fresh"
        rows = [{"Name": "at-main", "Value": "Atza|fresh"}, {"Name": "session-id", "Value": "999-NEW"}]
        return 200, {"response": {"tokens": {"cookies": rows}}}

    amazon.refresh = renew
    async with opened(amazon) as transport:
        await transport.send(account.info())
    assert amazon.requests[-1].headers["x-amzn-sessionid"] == "999-NEW"
    assert amazon.requests[-1].cookies["session-id"] == "999-NEW"


async def test_fresh_cookies_are_kept(opened: Any, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    amazon = Amazon(None)
    async with opened(amazon, session(store.load(), on_rotate=store.save, reread=store.load)) as transport:
        await transport.send(account.info())
    assert store.load() == {**RENEWABLE, "at-main": amazon.at, "sess-at-main": amazon.sess}


async def test_calls_that_were_refused_together_share_one_renewal(opened: Any) -> None:
    amazon = Amazon(None)
    async with opened(amazon) as transport:
        found = await asyncio.gather(*(transport.send(nodes.node(f"{number:022}")) for number in range(20)))
    assert len(found) == 20
    assert len(amazon.asked(REFRESH)) == 1
    assert len(amazon.requests) == 41


async def test_without_a_refresh_token_the_first_refusal_ends_it(opened: Any) -> None:
    amazon = Amazon(None)
    async with opened(amazon, session(OLD)) as transport:
        with pytest.raises(AuthenticationError, match="log in again"):
            await transport.send(account.info())
    assert [each.path for each in amazon.requests] == [INFO]


async def test_a_renewal_that_fails_is_followed_by_one_question_and_a_stop(opened: Any) -> None:
    amazon = Amazon(None)
    amazon.refresh = refused
    async with opened(amazon) as transport:
        with pytest.raises(AuthenticationError, match="log in again"):
            await transport.send(nodes.node("n" * 22))
        assert [each.path for each in amazon.requests[1:]] == [REFRESH, INFO]
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await transport.send(nodes.node("n" * 22))
    assert len(amazon.asked(REFRESH)) == 1
    assert len(amazon.requests) == 6


async def test_many_calls_stop_at_one_failed_renewal(opened: Any) -> None:
    amazon = Amazon(None)
    amazon.refresh = refused
    async with opened(amazon) as transport:
        found = await asyncio.gather(
            *(transport.send(nodes.node(f"{number:022}")) for number in range(10)), return_exceptions=True
        )
    assert {type(each) for each in found} == {AuthenticationError}
    assert (len(amazon.asked(REFRESH)), len(amazon.asked(INFO))) == (1, 1)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"Name": "session-id", "Value": "1"}],
        [{"Name": "at-acbde", "Value": "x"}],
        [{"Name": "at-main"}],
        [{"Name": "sess-at-main", "Value": "x"}],
        [{"Name": "at-main", "Value": "a\r\nset-cookie: b"}],
    ],
)
async def test_an_answer_without_the_sessions_own_at_cookie_renews_nothing(opened: Any, rows: list[Any]) -> None:
    amazon = Amazon(None)
    amazon.refresh = lambda request: (200, {"response": {"tokens": {"cookies": rows}}})
    async with opened(amazon) as transport:
        with pytest.raises(AuthenticationError):
            await transport.send(nodes.node("n" * 22))
        assert transport.session.cookies == RENEWABLE


async def test_a_session_that_is_alive_after_all_sends_its_call_again_and_then_stops(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"])
    amazon.refresh = refused
    path = f"/drive/v1/nodes/{'n' * 22}"
    amazon.overrides[path] = [(401, {}), (401, {})]
    async with opened(amazon) as transport:
        with pytest.raises(AuthenticationError, match="accepts the session otherwise"):
            await transport.send(nodes.node("n" * 22))
        assert [each.path for each in amazon.requests] == [path, REFRESH, INFO, path]
        amazon.overrides[path] = [(401, {})]
        assert (await transport.send(nodes.node("n" * 22))).id == NODE["id"]
    assert len(amazon.asked(REFRESH)) == 1, "what has failed for these cookies is not tried again"


async def test_a_renewal_that_nobody_answers_is_tried_again_by_the_next_call(opened: Any) -> None:
    amazon = Amazon(None)
    amazon.overrides = {REFRESH: [(503, {})], INFO: [(502, {})]}
    async with opened(amazon) as transport:
        with pytest.raises(UnavailableError, match="try later"):
            await transport.send(nodes.node("n" * 22))
        assert (await transport.send(nodes.node("n" * 22))).id == NODE["id"]
    assert len(amazon.asked(REFRESH)) == 2


async def test_a_refusal_of_older_cookies_is_no_reason_to_renew(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"])
    async with opened(amazon) as transport:
        real = amazon.answer

        def answer(request: Request) -> Answer:
            amazon.at = "Atza|rotated"
            transport.session.absorb(["at-main=Atza|rotated"])  # by another call, meanwhile
            return real(request)

        amazon.answer = answer  # type: ignore[method-assign]  # the moment between request and answer
        await transport.send(account.info())
    assert [each.path for each in amazon.requests] == [INFO, INFO]


async def test_what_another_process_renewed_is_read_before_anything_is_renewed(opened: Any, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    amazon = Amazon("Atza|by another process")
    async with opened(amazon, session(store.load(), on_rotate=store.save, reread=store.load)) as transport:
        store.save({**RENEWABLE, "at-main": "Atza|by another process", "session-id": "777"})
        await transport.send(account.info())
        assert [each.path for each in amazon.requests] == [INFO, INFO]
        assert amazon.requests[1].headers["x-amzn-sessionid"] == "777"


async def test_two_processes_that_are_refused_at_once_renew_once(opened: Any, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    amazon = Amazon(None)
    lock = tmp_path / "session.lock"

    def one() -> Transport:
        each = session(store.load(), on_rotate=store.save, reread=store.load)
        made: Transport = opened(amazon, each, lock=lock)
        return made

    async with one() as first, one() as second:
        await asyncio.gather(*(each.send(account.info()) for each in (first, second) * 3))
    assert len(amazon.asked(REFRESH)) == 1


async def test_a_lock_that_cannot_be_had_does_not_keep_from_renewing(opened: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    amazon = Amazon(None)
    async with opened(amazon, lock=tmp_path / "file" / "session.lock") as transport:
        await transport.send(account.info())
    assert len(amazon.asked(REFRESH)) == 1


async def test_keeping_a_rotation_does_not_undo_what_another_process_renewed(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    mine = session(store.load(), on_rotate=store.save, reread=store.load)
    store.save({**RENEWABLE, "at-main": "Atza|by another"})
    mine.absorb(["session-token=rotated"])
    assert store.load() == {**RENEWABLE, "at-main": "Atza|by another", "session-token": "rotated"}


@pytest.mark.parametrize("kept", ["not json", '{"cookies": {"a": "b"}}', None])
async def test_a_file_that_is_of_no_use_leaves_the_cookies_as_they_are(
    opened: Any, tmp_path: Path, kept: str | None
) -> None:
    file = tmp_path / "credentials.json"
    if kept is not None:
        file.write_text(kept)
    amazon = Amazon(None)
    async with opened(amazon, session(reread=FileStore(file).load)) as transport:
        await transport.send(account.info())
    assert amazon.requests[-1].cookies["at-main"] == amazon.at


async def test_a_write_that_was_refused_is_sent_again_whole(opened: Any, tmp_path: Path) -> None:
    file = tmp_path / "big"
    data = bytes(range(256)) * 10_000
    file.write_bytes(data)
    amazon = Amazon(None)
    async with opened(amazon) as transport:
        await transport.send(nodes.create_folder("x", "p" * 22))
        amazon.at = None
        await transport.send(upload(file, len(data)))
    assert [each.body == data for each in amazon.asked("/v2/upload")] == [True, True]
    bodies = {each.body for each in amazon.asked("/drive/v1/nodes")}
    assert len(amazon.asked("/drive/v1/nodes")) == 2
    assert len(bodies) == 1


async def test_a_page_that_asks_to_sign_in_is_answered_with_a_renewal(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"])
    amazon.overrides[INFO] = [(200, b'<form name="signIn"><input type="password"></form>')]
    async with opened(amazon) as transport:
        assert (await transport.send(account.info())).status == "ACTIVE"
        amazon.overrides[INFO] = [(302, b"", {"location": "/ap/signin?x=1"})]
        assert (await transport.send(account.info())).status == "ACTIVE"
    assert len(amazon.asked(REFRESH)) == 2


async def test_a_refusal_of_a_signed_address_renews_nothing(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"])
    redirection = f"/drive/v1/nodes/{'n' * 22}/contentRedirection"
    amazon.overrides = {
        redirection: [(302, b"", {"location": "https://storage.example.com/x?X-Amz-Signature=s"})],
        "/x": [(401, {})],
    }
    async with opened(amazon) as transport:
        with pytest.raises(AuthenticationError):
            await transport.send(content.content("n" * 22))
    assert amazon.asked(REFRESH) == []


# -- the content host's token ------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_content_host_that_wants_a_token_gets_one_and_no_other_host_does(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    async with opened(amazon, session(OLD)) as transport:
        await transport.send(upload())
        await transport.send(upload())
        await transport.send(account.info())
    assert [each.path for each in amazon.requests] == ["/v2/upload", TOKEN, "/v2/upload", "/v2/upload", INFO]
    for each in amazon.requests:
        shown = "x-amz-access-token" in each.headers
        assert shown == (each.host.startswith("content-") and each is not amazon.requests[0])
        assert shown != ("cookie" in each.headers)
    assert amazon.requests[1].host == "www.amazon.com"


async def test_a_token_is_used_until_it_ends(opened: Any) -> None:
    amazon, clock = Amazon(OLD["at-main"], tokens=True), Clock()
    async with opened(amazon, session(OLD), clock=clock) as transport:
        await transport.send(upload())
        clock.now = 3500.0
        await transport.send(upload())
        assert len(amazon.asked(TOKEN)) == 1
        clock.now = 3600.0
        await transport.send(upload())
    assert len(amazon.asked(TOKEN)) == 2


async def test_a_token_that_is_refused_early_is_replaced_once(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    async with opened(amazon, session(OLD)) as transport:
        await transport.send(upload())
        amazon.token = "Atza|another"
        await transport.send(upload())
        assert len(amazon.asked(TOKEN)) == 2
        amazon.overrides["/v2/upload"] = [(401, {})] * 10
        with pytest.raises(AuthenticationError):
            await transport.send(upload())
    assert len(amazon.asked(TOKEN)) == 3
    assert len(amazon.overrides["/v2/upload"]) == 8


async def test_uploads_at_the_same_time_share_a_token(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    async with opened(amazon, session(OLD)) as transport:
        await asyncio.gather(*(transport.send(upload()) for _ in range(8)))
    assert len(amazon.asked(TOKEN)) == 1


async def test_a_dead_session_is_renewed_before_the_token_is_had(opened: Any) -> None:
    amazon = Amazon(None, tokens=True)
    async with opened(amazon) as transport:
        await transport.send(upload())
    paths = [each.path for each in amazon.requests]
    assert paths == ["/v2/upload", TOKEN, REFRESH, "/v2/upload", TOKEN, "/v2/upload"]


async def test_a_redirect_to_the_content_host_shows_it_the_token(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    path = f"/drive/v1/nodes/{'n' * 22}/contentRedirection"
    onward = (302, b"", {"location": "https://content-na.drive.amazonaws.com/cdproxy/nodes/x"})
    amazon.overrides[path] = [onward, onward]
    async with opened(amazon, session(OLD)) as transport:
        await transport.send(content.content("n" * 22))
    last = amazon.requests[-1]
    assert (last.path, last.headers["x-amz-access-token"]) == ("/cdproxy/nodes/x", amazon.token)


@pytest.mark.parametrize("answer", [{}, {"access_token": "a b"}, {"access_token": "a\r\nb"}, []])
async def test_what_is_no_token_is_not_sent(opened: Any, answer: object) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    amazon.overrides[TOKEN] = [(200, answer)]
    async with opened(amazon, session(OLD)) as transport:
        with pytest.raises(AuthenticationError):
            await transport.send(upload())
    assert len(amazon.asked("/v2/upload")) == 1


async def test_a_site_that_is_down_is_not_taken_for_a_dead_session(opened: Any) -> None:
    amazon = Amazon(OLD["at-main"], tokens=True)
    amazon.overrides[TOKEN] = [(503, {})] * 8
    async with opened(amazon, session(OLD)) as transport:
        with pytest.raises(UnavailableError):
            await transport.send(upload())
        await transport.send(upload())
    assert len(amazon.asked(TOKEN)) == 9


# -- whatever the service does -----------------------------------------------------------------------------------------

REFUSALS: list[Answer] = [
    (401, {"Message": "No Auth Method Provided"}),
    (200, b'<form name="signIn">'),
    (302, b"", {"location": "/ap/signin"}),
    (401, {}, {"set-cookie": "at-main=Atza|rotated-by-a-refusal"}),
]


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.sampled_from(REFUSALS), max_size=12),
    renewals=st.lists(st.integers(0, 3), max_size=6),
    tokens=st.booleans(),
)
async def test_no_refusals_in_any_order_make_a_loop(script: list[Answer], renewals: list[int], *, tokens: bool) -> None:
    amazon = Amazon(OLD["at-main"], tokens=tokens)
    amazon.overrides["/v2/upload"] = list(script)
    kinds = iter(renewals)

    def renew(request: Request) -> Answer:
        kind = next(kinds, 0)
        return amazon.renew(request) if kind == 0 else (REFUSALS[0] if kind == 1 else (200, {}))

    amazon.refresh = renew
    async with Transport(session(), app=amazon, breaker=Breaker.never()) as transport:
        try:
            await transport.send(upload())
        except RemoteError as exc:
            assert isinstance(exc, AuthenticationError)  # noqa: PT017 - either outcome is right, no other error is
    assert len(amazon.asked("/v2/upload")) <= 5
    assert len(amazon.asked(REFRESH)) <= 1
    assert len(amazon.requests) <= 10


# -- the bodies --------------------------------------------------------------------------------------------------------


def test_neither_answer_can_be_printed() -> None:
    body = b'{"response": {"tokens": {"cookies": {".amazon.com": [{"Name": "at-main", "Value": "canary"}]}}}}'
    found = REFRESHED.decode(body)
    assert found.cookies == {"at-main": "canary"}
    token = ACCESS_TOKEN.decode(b'{"access_token": "canary", "duration": "60"}')
    assert (token.access_token, token.duration) == ("canary", 60.0)
    assert "canary" not in repr(found) + repr(token) + str(found) + str(token)


async def test_a_refusal_that_replaces_other_cookies_does_not_keep_from_renewing(opened: Any) -> None:
    amazon = Amazon(None)
    real = amazon.answer

    def answer(request: Request) -> Answer:
        status, content, *_ = real(request)
        given = {"set-cookie": f"session-token=canary-{len(amazon.requests)}; Path=/"}
        return status, content, given if status == 401 else {}

    amazon.answer = answer  # type: ignore[method-assign]  # every refusal comes with a cookie
    async with opened(amazon) as transport:
        assert (await transport.send(account.info())).status == "ACTIVE"
        assert len(amazon.asked(REFRESH)) == 1
        amazon.at, amazon.refresh = None, refused
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await transport.send(nodes.node("n" * 22))
    assert len(amazon.asked(REFRESH)) == 2, "a session that is dead stays dead"


async def test_a_renewal_outlives_the_call_that_wanted_it(opened: Any, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    amazon = Amazon(None)
    spent, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        async def held(message: Any) -> None:
            if scope["path"] == REFRESH:
                spent.set()
                await go.wait()
            await send(message)

        await amazon(scope, receive, held)

    for closed in (False, True):
        amazon.at = None
        spent.clear()
        go.clear()
        each = session(store.load(), on_rotate=store.save, reread=store.load)
        async with opened(slow, each, lock=tmp_path / "lock") as transport:
            task = asyncio.create_task(transport.send(account.info()))
            await spent.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            if not closed:
                assert (await transport.send(account.info())).status == "ACTIVE"
        assert store.load()["sess-at-main"] == amazon.sess
    assert len(amazon.asked(REFRESH)) == 2
