"""Who may come in over HTTP: this machine, or whoever shows a token that is good here.

Two kinds of token are known: the one of a file, which opens everything the server may do, and those that an OAuth
issuer made for this server, which open what their scopes say. Without either, no address but the loopback is served.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
import os
import stat
import time
import urllib.request
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import jwt
import msgspec
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware

from ap_remote.errors import ConfigError
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.policy.stepup import StepUp
from ap_remote_mcp.principal import READ, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mcp.server.auth.provider import TokenVerifier
    from starlette.applications import Starlette

_log: Final = logging.getLogger(__name__)
SCOPES: Final = (READ, *(scope_of(ability) for ability in Ability))
_PORTS: Final = 0xFFFF
_SHORTEST: Final = 32
"""Characters of a bearer token (own choice): 32 hexadecimal digits are 128 bits."""
_LONGEST: Final = 8 * 1024
_OTHERS: Final = 0o077
_ASYMMETRIC: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that only the issuer can make. With a shared key whoever can check a token could forge one."""
_PATIENCE: Final = 10.0
"""Seconds for the issuer to answer."""
_FRESH: Final = 300.0
"""Seconds for which the issuer's keys are believed without asking again."""
_QUIET: Final = 30.0
"""Seconds without a question to the issuer after one in vain."""
_THREADS: Final = 2
"""Questions to the issuer that may wait for its answer, or for another's, at once."""
_LEEWAY: Final = 30
"""Seconds by which the issuer's clock may differ."""
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")
_PATH: Final = "/mcp"


class Scoped(Protocol):
    """A server that can say which scopes its tools need."""

    @property
    def scopes(self) -> Mapping[str, tuple[str, ...]]:
        """By the name of a tool that changes something: of which scopes a token needs one."""
        ...

    def streamable_http_app(
        self, *, streamable_http_path: str, host: str, transport_security: TransportSecuritySettings | None
    ) -> Starlette:
        """Return what speaks the protocol over HTTP."""
        ...


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens, whom it believes, and under which names it may be called."""

    host: str
    port: int
    verifier: TokenVerifier | None = None
    auth: AuthSettings | None = None
    hosts: tuple[str, ...] = ()

    @property
    def security(self) -> TransportSecuritySettings:
        """The ``Host`` and ``Origin`` headers that are served; others come from a page that should not know us."""
        hosts: list[str] = []
        origins: list[str] = []
        for each in _LOCAL:
            hosts += [each, f"{each}:*"]
            origins += [f"http://{each}", f"http://{each}:*"]
        for each in self.hosts:
            hosts += [each, f"{each}:*"]
            origins += [f"https://{each}", f"https://{each}:*"]
        return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)

    def app(self, server: Scoped) -> Starlette:
        """Return the HTTP application of a server that was built with this access."""
        made = server.streamable_http_app(streamable_http_path=_PATH, host=self.host, transport_security=self.security)
        if self.auth is not None and self.auth.resource_server_url is not None:
            # The SDK's own page names only what every token needs, so that clients would ask for no more.
            page = create_protected_resource_routes(
                resource_url=self.auth.resource_server_url,
                authorization_servers=[self.auth.issuer_url],
                scopes_supported=list(SCOPES),
                resource_name="ap-remote",
            )
            made.router.routes[:0] = page
            metadata = str(build_resource_metadata_url(self.auth.resource_server_url))
            made.user_middleware.append(
                Middleware(StepUp, path=_PATH, base=READ, scopes=server.scopes, metadata=metadata)
            )
        return made


def access(
    http: str,
    *,
    bearer_file: Path | None = None,
    oauth_issuer: str = "",
    oauth_audience: str = "",
    allow_hosts: Sequence[str] = (),
) -> Access:
    """Return what a command line asked for.

    Args:
        http: ``HOST:PORT``.
        bearer_file: holds the token that opens everything; private to its owner.
        oauth_issuer: makes tokens; its metadata and keys are fetched when the first token comes.
        oauth_audience: this server's own address, as clients and the issuer know it.
        allow_hosts: names by which the server is called, beside those of the loopback.

    Raises:
        ConfigError: it is no address, others could reach it without a token, a token file that others can read, or
            half of the OAuth settings.
    """
    host, port = _address(http)
    hosts = tuple(_host(each) for each in allow_hosts)
    if bearer_file is not None and (oauth_issuer or oauth_audience):
        raise ConfigError("--bearer-file and --oauth-issuer exclude each other")
    verifier: TokenVerifier | None = None
    settings: AuthSettings | None = None
    if bearer_file is not None:
        verifier = BearerToken(read_bearer(bearer_file))
        # The SDK wants an issuer; without a resource address nothing speaks of it.
        settings = AuthSettings(
            issuer_url=AnyHttpUrl("http://localhost"), resource_server_url=None, required_scopes=[READ]
        )
    elif oauth_issuer or oauth_audience:
        if not (oauth_issuer and oauth_audience):
            raise ConfigError("--oauth-issuer and --oauth-audience need each other")
        _secure(oauth_issuer, "--oauth-issuer")
        _secure(oauth_audience, "--oauth-audience")
        verifier = IssuedToken(oauth_issuer, oauth_audience)
        # Read from text, the addresses keep their spelling, which clients compare.
        settings = AuthSettings.model_validate(
            {
                "issuer_url": oauth_issuer,
                "resource_server_url": oauth_audience,
                "required_scopes": [READ],
                "validate_token_resource": True,
            }
        )
    if not _is_loopback(host):
        if verifier is None:
            raise ConfigError(
                f"--http serves this machine only, not {host[:60]!r}: without authentication anybody who reaches the "
                "port could read the library; use 127.0.0.1, or add --bearer-file, or --oauth-issuer and "
                "--oauth-audience"
            )
        if not hosts:
            raise ConfigError("an address that others reach needs --allow-host NAME, the name they call it by")
    return Access(host=host, port=port, verifier=verifier, auth=settings, hosts=hosts)


class BearerToken:
    """The token of a file. Whoever shows it may do all that the server was started for."""

    def __init__(self, token: str) -> None:
        self._digest = sha256(token.encode()).digest()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Compare digests in constant time, so that nothing is learnt from how long a guess takes."""
        if not hmac.compare_digest(sha256(token.encode("utf-8", "surrogateescape")).digest(), self._digest):
            _log.info("a bearer token was refused")
            return None
        return AccessToken(token="", client_id="bearer", scopes=list(SCOPES))  # the token itself is kept nowhere


class IssuedToken:
    """Tokens that an OAuth issuer signed (JWT) for this server and nobody else."""

    def __init__(self, issuer: str, audience: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._client: jwt.PyJWKClient | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._stale_at = 0.0
        self._quiet_until = 0.0
        self._asking = Lock()
        # Tokens that nobody signed cost no more than these threads, however slow the issuer is.
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token says, ``None`` if it is not to be believed. Why stays in the log, the token nowhere."""
        try:
            kid = _key_id(token)
            key = self._known(kid)
            if key is None:
                key = await anyio.to_thread.run_sync(self._fetched, kid, limiter=self._threads)
            claims = self._claims(token, key)
        except (jwt.PyJWTError, OSError, ValueError) as exc:
            _log.warning("a token was refused: %s", type(exc).__name__)
            return None
        return AccessToken(
            token="",
            client_id=str(claims.get("client_id") or claims.get("azp") or claims.get("sub") or "unknown"),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]) + _LEEWAY,
            resource=self._audience,
            subject=str(claims["sub"]) if claims.get("sub") else None,
            claims={"iss": self._issuer},
        )

    def _known(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._clock() < self._stale_at else None

    def _fetched(self, kid: str) -> jwt.PyJWK:
        """Return a key that is not known here; the issuer is asked once at a time, and not soon again in vain.

        Raises:
            jwt.PyJWKClientError: the issuer has no such key, or was asked in vain within the last half minute.
            OSError, ValueError: as :func:`jwks_address` has them.
        """
        with self._asking:
            if (key := self._known(kid)) is not None:
                return key
            if self._clock() < self._quiet_until:
                raise jwt.PyJWKClientError("the issuer was asked in vain a moment ago")
            try:
                if self._client is None:
                    self._client = jwt.PyJWKClient(jwks_address(self._issuer), timeout=_PATIENCE)
                self._keys = {each.key_id: each for each in self._client.get_signing_keys(refresh=True) if each.key_id}
                self._stale_at = self._clock() + _FRESH
                return self._keys[kid]
            except KeyError:
                raise jwt.PyJWKClientError("the issuer has no such key") from None
            finally:
                if kid not in self._keys or self._clock() >= self._stale_at:
                    self._quiet_until = self._clock() + _QUIET

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(_ASYMMETRIC),
            audience=self._audience,
            issuer=self._issuer,
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims


def _key_id(token: str) -> str:
    """Return by which key a token says that it was signed.

    Raises:
        jwt.PyJWTError: it is none, or of a kind that is not believed.
    """
    if len(token) > _LONGEST:
        raise jwt.InvalidTokenError
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in _ASYMMETRIC:
        raise jwt.InvalidAlgorithmError
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise jwt.InvalidTokenError
    return kid


def _scopes(claims: dict[str, Any]) -> list[str]:
    """Return the scopes of a token: ``scope`` with spaces (RFC 9068), or ``scp``, as some issuers write them."""
    told = claims.get("scope", claims.get("scp", ""))
    words = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
    return [str(word) for word in words]


def jwks_address(issuer: str) -> str:
    """Ask an issuer where its keys are: by RFC 8414, or as OpenID Connect has it.

    Raises:
        OSError: it does not answer.
        ValueError: its answer names no keys, another issuer, or an address that is not secure.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    base = f"{parts.scheme}://{parts.netloc}"
    places = (
        f"{base}/.well-known/oauth-authorization-server{path}",
        f"{base}{path}/.well-known/openid-configuration",
    )
    failure: Exception = ValueError("nothing was asked")
    for place in places:
        try:
            with urllib.request.urlopen(place, timeout=_PATIENCE) as answer:  # noqa: S310 - https, or the loopback
                told = json.loads(answer.read(1 << 20))
        except (OSError, ValueError) as exc:
            failure = exc
            continue
        if not isinstance(told, dict) or told.get("issuer") != issuer or not isinstance(told.get("jwks_uri"), str):
            failure = ValueError("the issuer's metadata is not its own")
            continue
        _secure(told["jwks_uri"], "the issuer's jwks_uri")
        return str(told["jwks_uri"])
    raise failure


def read_bearer(file: Path) -> str:
    """Return the token of a file.

    Raises:
        ConfigError: others can read it, or what it holds is too short to be a secret.
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(_LONGEST)
    except OSError as exc:
        raise ConfigError(f"--bearer-file: {file} cannot be read: {exc.strerror}") from exc
    if os.name == "posix" and stat.S_IMODE(mode) & _OTHERS:
        raise ConfigError(f"--bearer-file: others can read {file}; run: chmod 600 {file}")
    token = content.decode("ascii", "replace").strip()
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"--bearer-file: {file} must hold one word of at least {_SHORTEST} characters")
    return token


def _secure(url: str, what: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not _is_loopback(parts.hostname or ""):
        raise ConfigError(f"{what} must be an https address, not {url[:80]!r}")


def _address(http: str) -> tuple[str, int]:
    host, colon, port = http.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not colon or not port.isdigit() or int(port) > _PORTS:
        raise ConfigError(f"--http takes HOST:PORT, not {http[:60]!r}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(name: str) -> str:
    if not name or any(each in name for each in "/*@ ") or not name.isascii() or not name.isprintable():
        raise ConfigError(f"--allow-host takes a host name, not {name[:60]!r}")
    return name.lower()
