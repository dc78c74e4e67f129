"""The server over HTTP with tokens: who comes in, what opens what, and that no token is ever told."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import socket
import time
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp.client.auth.utils import (
    extract_field_from_www_auth,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError
from ap_remote_mcp.access import access, read_bearer
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.server import build_server

AUDIENCE = "https://photos.example.org/mcp"
TOKEN = "canary-4f1d8a2b6c9e0d7f5a3b1c8e6d4f2a09"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
KINDS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def write_token(folder, token=TOKEN, mode=0o600):
    file = folder / "bearer"
    file.write_text(token + "\n")
    file.chmod(mode)
    return file


@asynccontextmanager
async def listening(app):
    """Serve an application on a free port of the loopback; the socket waits for it from the first moment."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="debug", access_log=True))
        task = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def photos(**tokens):
    """Serve a library with one photograph that was not looked at."""
    remote = MemoryRemote("home")
    cat = remote.seed("Pictures/cat.jpg", b"\xff\xd8\xff not really", things=("cat",))
    guard = access("127.0.0.1:0", **tokens)
    server = build_server(remote, index=None, allow=frozenset(Ability), guard=guard)
    async with listening(guard.app(server)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        client.cat = cat
        yield client


def modern(method, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}


async def ask(client, method, token="", headers=None, **params):
    """Ask in the way of 2026-07-28, where every request stands alone."""
    named = {"Mcp-Name": params["name"]} if "name" in params else {}
    named |= {"Mcp-Name": params["uri"]} if "uri" in params else {}
    shown = {"Authorization": f"Bearer {token}".encode("latin-1")} if token else {}
    own = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    return await client.post(
        "/mcp", json=modern(method, **params), headers=KINDS | own | named | shown | (headers or {})
    )


def read(answer):
    """Return the result in an answer, which comes as JSON or as a stream with one event."""
    assert answer.status_code == 200, answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return json.loads(lines[-1] if lines else answer.text)["result"]


async def call(client, token, name, **arguments):
    return read(await ask(client, "tools/call", token, name=name, arguments=arguments))


class Issuer:
    """Makes tokens, and tells its keys to whoever asks."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.url = ""

    @property
    def app(self):
        async def metadata(request):
            return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

        async def keys(request):
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return JSONResponse({"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]})

        return Starlette(routes=[Route("/.well-known/oauth-authorization-server", metadata), Route("/keys", keys)])

    def claims(self, scope="photos:read", **changed):
        usual = {"iss": self.url, "aud": AUDIENCE, "exp": int(time.time()) + 600, "client_id": "host", "sub": "ada"}
        return {name: value for name, value in (usual | {"scope": scope} | changed).items() if value is not None}

    def token(self, scope="photos:read", *, key=None, algorithm="RS256", kid="one", **changed):
        return jwt.encode(self.claims(scope, **changed), key or self.key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def made():
    return Issuer()


@pytest.fixture
async def issuer(made):
    async with listening(made.app) as url:
        made.url = url
        yield made


# -- the token of a file -----------------------------------------------------------------------------------------------


async def test_the_token_of_the_file_opens_everything_and_no_other_does(tmp_path):
    async with photos(bearer_file=write_token(tmp_path)) as client:
        without = await ask(client, "tools/list")
        wrong = await ask(client, "tools/list", TOKEN[:-1] + "0")
        odd = await ask(client, "tools/list", "ü" * 40)
        listed = read(await ask(client, "tools/list", TOKEN))
        preview = await call(client, TOKEN, "photos_trash", ids=[client.cat])
    for refused in (without, wrong, odd):
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert "photos_purge" in {tool["name"] for tool in listed["tools"]}
    assert preview["structuredContent"]["preview"]["count"] == 1


async def test_the_old_handshake_needs_the_token_as_well(tmp_path):
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "wire", "version": "0"},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    async with photos(bearer_file=write_token(tmp_path)) as client:
        refused = await client.post("/mcp", json=body, headers=KINDS)
        let_in = await client.post("/mcp", json=body, headers=KINDS | {"Authorization": f"Bearer {TOKEN}"})
    assert refused.status_code == 401
    assert read(let_in)["serverInfo"]["name"] == "ap-remote"


async def test_hosts_origins_and_sizes_are_bounded_for_those_who_have_the_token(tmp_path):
    async with photos(bearer_file=write_token(tmp_path), allow_hosts=["photos.example.org"]) as client:
        host = await ask(client, "tools/list", TOKEN, {"Host": "evil.example"})
        near = await ask(client, "tools/list", TOKEN, {"Host": "photos.example.org.evil.example"})
        origin = await ask(client, "tools/list", TOKEN, {"Origin": "https://evil.example"})
        named = await ask(client, "tools/list", TOKEN, {"Host": "photos.example.org"})
        page = await ask(client, "tools/list", TOKEN, {"Origin": "https://photos.example.org"})
        large = await ask(client, "tools/call", TOKEN, name="photos_search", arguments={"query": "x" * (5 << 20)})
    assert (host.status_code, near.status_code, origin.status_code) == (421, 421, 403)
    assert (named.status_code, page.status_code) == (200, 200)
    assert large.status_code == 413


async def test_the_token_is_told_to_nobody(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with photos(bearer_file=write_token(tmp_path)) as client:
        answers = [
            await ask(client, "tools/list"),
            await ask(client, "tools/list", TOKEN),
            await ask(client, "tools/list", TOKEN + "x"),
            await ask(client, "tools/call", TOKEN, name="photos_status", arguments={}),
            await ask(client, "tools/call", TOKEN, name="photos_search", arguments={"limit": 0}),
            await ask(client, "resources/read", TOKEN, uri="photos://status"),
        ]
    shown = "\n".join(answer.text + str(answer.headers) for answer in answers)
    assert TOKEN not in shown
    ours = [each for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    assert ours
    assert not any(TOKEN in each.getMessage() for each in ours)


@pytest.mark.parametrize("content", ["short", "", "two words " * 10, "ü" * 40])
def test_a_file_without_a_secret_in_it_is_refused(tmp_path, content):
    with pytest.raises(ConfigError, match="one word of at least 32") as refused:
        read_bearer(write_token(tmp_path, content))
    assert not content or content not in str(refused.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path, mode):
    with pytest.raises(ConfigError, match="chmod 600"):
        access("127.0.0.1:0", bearer_file=write_token(tmp_path, mode=mode))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_bearer(tmp_path / "nothing")


# -- the tokens of an issuer -------------------------------------------------------------------------------------------


async def test_a_scope_opens_the_tools_of_its_ability_and_no_others(issuer):
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        reader, tidier = issuer.token(), issuer.token("photos:read photos:trash")
        found = await call(client, reader, "photos_search")
        refused = await tried(client, reader, "photos_trash", ids=[client.cat])
        not_undone = await tried(client, reader, "photos_undo", id="x")
        preview = await call(client, tidier, "photos_trash", ids=[client.cat])
        still = await tried(client, tidier, "photos_move", ids=[client.cat], to="Pictures")
        purge = await tried(client, tidier, "photos_purge", ids=[client.cat])
        undo = await call(client, tidier, "photos_undo", id="x")
    assert len(found["structuredContent"]["items"]) == 1
    assert missing(refused) == "photos:read photos:trash"
    assert missing(not_undone) == "photos:read photos:organise"
    assert preview["structuredContent"]["plan"]
    assert missing(still) == "photos:read photos:organise"
    assert missing(purge) == "photos:read photos:purge"
    assert undo["content"][0]["text"].startswith("[not_found]"), "one of the scopes is enough"


async def tried(client, token, name, **arguments):
    return await ask(client, "tools/call", token, name=name, arguments=arguments)


def missing(answer):
    """Return the scopes that a refusal asks for, as the SDK's own client reads them."""
    assert answer.status_code == 403
    assert extract_field_from_www_auth(answer, "error") == "insufficient_scope"
    page = "https://photos.example.org/.well-known/oauth-protected-resource/mcp"
    assert extract_resource_metadata_from_www_auth(answer) == page
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    return extract_scope_from_www_auth(answer)


async def test_a_token_without_reading_is_told_what_it_lacks_and_nothing_of_the_tools(issuer):
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        trash = issuer.token("photos:trash")
        listed = await ask(client, "tools/list", trash)
        called = await tried(client, trash, "photos_trash", ids=[client.cat])
        nothing = await tried(client, issuer.token(""), "photos_purge", ids=[client.cat])
        stream = await client.get("/mcp", headers=KINDS | {"Authorization": f"Bearer {trash}"})
        page = await client.get(
            "/.well-known/oauth-protected-resource/mcp", headers={"Authorization": f"Bearer {trash}"}
        )
    assert missing(listed) == missing(called) == missing(stream) == "photos:read"
    assert missing(nothing) == "photos:read photos:purge"
    assert page.status_code == 200


async def test_the_tools_refuse_too_what_was_not_seen_before_them(issuer):
    """A request so long that nobody looks into it before, and one in pieces: the former gets the tool's own error."""
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        reader = issuer.token()
        long = await call(client, reader, "photos_trash", ids=[client.cat], reason="x" * 70_000)
        undo = await call(client, reader, "photos_undo", id="x" * 70_000)
        body = json.dumps(modern("tools/call", name="photos_trash", arguments={"ids": [client.cat]})).encode()

        async def pieces():
            for at in range(0, len(body), 40):
                yield body[at : at + 40]

        own = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "photos_trash"}
        headers = KINDS | own | {"Authorization": f"Bearer {reader}"}
        in_pieces = await client.post("/mcp", content=pieces(), headers=headers)
        wanted = modern("tools/call", name="photos_search", arguments={})
        body = json.dumps(wanted).encode()
        whole = await client.post("/mcp", content=pieces(), headers=headers | {"Mcp-Name": "photos_search"})
        odd = await client.post("/mcp", content=b"[" * 5000, headers=headers)
    assert long["content"][0]["text"].startswith("[blocked] The token lacks the scope photos:trash.")
    assert "photos:organise or photos:transfer or photos:trash" in undo["content"][0]["text"]
    assert missing(in_pieces) == "photos:read photos:trash"
    assert len(read(whole)["structuredContent"]["items"]) == 1, "what was looked into arrives whole"
    assert odd.status_code == 400


async def test_a_tool_that_is_not_allowed_asks_for_no_scope(issuer):
    remote = MemoryRemote("home")
    guard = access("127.0.0.1:0", oauth_issuer=issuer.url, oauth_audience=AUDIENCE)
    server = build_server(remote, index=None, allow=frozenset({"trash"}), guard=guard)
    async with listening(guard.app(server)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        purge = await call(client, issuer.token(), "photos_purge", ids=["x"])
        undo = await tried(client, issuer.token(), "photos_undo", id="x")
    assert purge["content"][0]["text"].startswith("[read_only_mode]")
    assert missing(undo) == "photos:read photos:trash"


async def test_scopes_are_looked_at_in_sessions_too(issuer):
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "wire", "version": "0"}}
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        headers = KINDS | {"Authorization": f"Bearer {issuer.token()}"}
        opened = await client.post(
            "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, headers=headers
        )
        headers |= {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-06-18"}
        await client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers)
        wanted = {"name": "photos_trash", "arguments": {"ids": [client.cat]}}
        request = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": wanted}
        refused = await client.post("/mcp", json=request, headers=headers)
        more = headers | {"Authorization": f"Bearer {issuer.token('photos:read photos:trash')}"}
        stepped_up = read(await client.post("/mcp", json=request | {"id": 4}, headers=more))
        scope = "photos:read photos:trash"
        stranger = headers | {"Authorization": f"Bearer {issuer.token(scope, sub='eve', client_id='other')}"}
        stolen = await client.post("/mcp", json=request | {"id": 3}, headers=stranger)
    assert missing(refused) == "photos:read photos:trash"
    assert stepped_up["structuredContent"]["preview"]["count"] == 1
    assert stolen.status_code == 404, "a session belongs to whoever opened it"


async def test_a_plan_belongs_to_whoever_got_it(issuer):
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        scope = "photos:read photos:trash"
        ada, eve = issuer.token(scope), issuer.token(scope, sub="eve")
        plan = (await call(client, ada, "photos_trash", ids=[client.cat]))["structuredContent"]["plan"]
        stolen = await call(client, eve, "photos_trash", ids=[client.cat], plan=plan)
        own = await call(client, ada, "photos_trash", ids=[client.cat], plan=plan)
    assert stolen["content"][0]["text"].startswith("[plan_stale]")
    assert own["structuredContent"]["verified"] == 1


def forged(issuer):
    """Return tokens that must not be believed, by what is wrong with them."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    good = issuer.token().split(".")
    more = urlsafe_b64encode(json.dumps(issuer.claims("photos:read photos:purge")).encode()).rstrip(b"=").decode()
    unsigned = urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"one"}').rstrip(b"=").decode()
    shared = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"one"}').rstrip(b"=").decode()
    confused = hmac.digest(public, f"{shared}.{good[1]}".encode(), sha256)
    return {
        "another audience": issuer.token(aud="https://other.example.org/mcp"),
        "no audience": issuer.token(aud=None),
        "expired": issuer.token(exp=int(time.time()) - 3600),
        "no end": issuer.token(exp=None),
        "not yet": issuer.token(nbf=int(time.time()) + 3600),
        "another issuer": issuer.token(iss="https://evil.example"),
        "another key": issuer.token(key=other),
        "an unknown key": issuer.token(key=other, kid="two"),
        "other claims under the signature": ".".join((good[0], more, good[2])),
        "no signature": f"{unsigned}.{good[1]}.",
        "the public key as a shared one": f"{shared}.{good[1]}.{urlsafe_b64encode(confused).rstrip(b'=').decode()}",
        "no token at all": "not.a.token",
        "endless": "a" * 20_000,
    }


async def test_tokens_that_are_not_for_us_or_not_by_the_issuer_are_refused(issuer, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = forged(issuer)
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        statuses = {}
        for what, token in tokens.items():
            answer = await ask(client, "tools/list", token)
            statuses[what] = answer.status_code
            assert token not in answer.text
        good = await ask(client, "tools/list", issuer.token())
    assert statuses == dict.fromkeys(tokens, 401)
    assert good.status_code == 200
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    assert any("a token was refused" in each for each in ours)
    for token in tokens.values():
        assert not any(token in each for each in ours)


async def test_a_token_without_reading_opens_nothing(issuer):
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        refused = await ask(client, "tools/list", issuer.token("photos:trash"))
        listed = await ask(client, "tools/list", issuer.token(None, scp=["photos:read"]))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert listed.status_code == 200, "some issuers write the scopes as a list"


async def test_the_metadata_say_where_tokens_come_from_and_what_they_may_open(issuer):
    async with photos(oauth_issuer=issuer.url, oauth_audience=AUDIENCE) as client:
        refused = await ask(client, "tools/list")
        page = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()
    where = "https://photos.example.org/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{where}"' in refused.headers["WWW-Authenticate"]
    assert page["resource"] == AUDIENCE
    assert page["authorization_servers"] == [issuer.url]
    assert page["scopes_supported"] == [
        "photos:read",
        "photos:organise",
        "photos:transfer",
        "photos:trash",
        "photos:purge",
    ]


async def test_an_issuer_that_is_away_lets_nobody_in_and_stops_nothing(made):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        made.url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with photos(oauth_issuer=made.url, oauth_audience=AUDIENCE) as client:
            first = await ask(client, "tools/list", made.token())
            second = await ask(client, "tools/list")
    assert (first.status_code, second.status_code) == (401, 401)


# -- what a command line may ask for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"oauth_issuer": "https://issuer.example"}, "need each other"),
        ({"oauth_audience": AUDIENCE}, "need each other"),
        ({"oauth_issuer": "http://issuer.example", "oauth_audience": AUDIENCE}, "--oauth-issuer must be an https"),
        ({"oauth_issuer": "https://i.example", "oauth_audience": "photos"}, "--oauth-audience must be an https"),
        ({"oauth_issuer": "https://i.example", "oauth_audience": AUDIENCE}, "needs --allow-host"),
        ({"allow_hosts": ["photos.example.org"]}, "this machine only"),
        ({"allow_hosts": ["*"]}, "takes a host name"),
        ({"allow_hosts": ["https://photos.example.org"]}, "takes a host name"),
    ],
)
def test_others_are_served_only_with_tokens_and_under_a_name(options, part):
    with pytest.raises(ConfigError, match=part):
        access("0.0.0.0:8765", **options)


def test_one_kind_of_token_at_a_time(tmp_path):
    with pytest.raises(ConfigError, match="exclude each other"):
        access(":0", bearer_file=write_token(tmp_path), oauth_issuer="https://i.example", oauth_audience=AUDIENCE)


def test_with_a_token_and_a_name_others_are_served(tmp_path):
    guard = access("0.0.0.0:8765", bearer_file=write_token(tmp_path), allow_hosts=["Photos.example.org"])
    assert guard.host == "0.0.0.0"
    assert "photos.example.org:*" in guard.security.allowed_hosts
    assert not any("*" in each.partition(":")[0] for each in guard.security.allowed_hosts)
