"""How an issuer is asked for its keys: once at a time, in few threads, and not again at once when it was in vain."""

from __future__ import annotations

import json
import threading
import time

import anyio
import anyio.to_thread
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ap_remote_mcp import access

ISSUER, AUDIENCE = "https://login.example.org", "https://photos.example.org/mcp"


class Keys:
    """The issuer's keys, which come when they are let."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.known = {"one"}
        self.asked, self.fails = 0, None
        self.may, self.waits = threading.Event(), threading.Event()
        self.may.set()

    def get_signing_keys(self, **_):
        self.asked += 1
        self.waits.set()
        assert self.may.wait(10)
        if self.fails:
            raise self.fails
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return [jwt.PyJWK(public | {"kid": each, "alg": "ES256"}) for each in sorted(self.known)]

    def token(self, kid="one"):
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, "client_id": "host"}
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": kid})


@pytest.fixture
def keys(monkeypatch):
    made = Keys()
    monkeypatch.setattr(access, "jwks_address", lambda issuer: f"{issuer}/keys")
    monkeypatch.setattr(access.jwt, "PyJWKClient", lambda *_, **__: made)
    return made


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def verifier(keys, now):
    return access.IssuedToken(ISSUER, AUDIENCE, clock=lambda: now[0])


async def test_keys_are_asked_for_once_and_again_when_they_are_old(verifier, keys, now):
    for _ in range(3):
        assert (await verifier.verify_token(keys.token())).client_id == "host"
    assert keys.asked == 1
    now[0] += 301
    assert await verifier.verify_token(keys.token()) is not None
    assert keys.asked == 2


async def test_unknown_keys_cost_the_issuer_one_question_in_half_a_minute(verifier, keys, now):
    for number in range(5):
        assert await verifier.verify_token(keys.token(f"nobody's {number}")) is None
    assert keys.asked == 1
    keys.known.add("new")
    now[0] += 31
    assert await verifier.verify_token(keys.token("new")) is not None
    assert keys.asked == 2


async def test_an_issuer_that_fails_is_left_alone_for_half_a_minute(verifier, keys, now):
    keys.fails = OSError("away")
    for _ in range(3):
        assert await verifier.verify_token(keys.token()) is None
    assert keys.asked == 1
    keys.fails = None
    now[0] += 31
    assert await verifier.verify_token(keys.token()) is not None


async def test_tokens_that_nobody_signed_take_no_thread_from_the_tools_and_no_time_from_good_ones(verifier, keys, now):
    good = keys.token()
    assert await verifier.verify_token(good) is not None
    keys.may.clear()
    keys.waits.clear()
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(verifier.verify_token, keys.token(f"nobody's {number}"))
        await anyio.to_thread.run_sync(keys.waits.wait)
        assert verifier._threads.borrowed_tokens <= 2
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        assert await verifier.verify_token(good) is not None, "its key is known"
        keys.may.set()
    assert keys.asked == 2


@pytest.mark.parametrize("header", [{"kid": ["one"]}, {}])
async def test_a_token_that_names_no_key_asks_nobody(verifier, keys, header):
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    head = access.jwt.utils.base64url_encode(json.dumps({"alg": "ES256", **header}).encode()).decode()
    body = access.jwt.utils.base64url_encode(json.dumps(claims).encode()).decode()
    assert await verifier.verify_token(f"{head}.{body}.AAAA") is None
    assert keys.asked == 0


def test_a_guard_can_be_made_before_the_loop_runs():
    guard = access.access("127.0.0.1:0", oauth_issuer=ISSUER, oauth_audience=AUDIENCE)
    assert anyio.run(guard.verifier.verify_token, "no token") is None
