"""What the service signs: page tokens, checkpoints and the URLs that need no cookies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from ap_remote_emulator.library.store import Store

ALGORITHM: Final = "AWS4-HMAC-SHA256"
REDIRECT_LIFE_S: Final = 900
TEMP_LINK_LIFE_S: Final = 3600
_SIGNATURE_BYTES: Final = 16


def seal(store: Store, purpose: str, body: object) -> str:
    """Return an opaque token that :func:`unseal` understands, in this store and for this purpose only."""
    payload = msgspec.json.encode(body)
    return base64.urlsafe_b64encode(_mac(store, purpose, payload)[:_SIGNATURE_BYTES] + payload).decode().rstrip("=")


def unseal(store: Store, purpose: str, token: str) -> Any | None:
    """Return what was sealed, or ``None`` if the token is not ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _mac(store, purpose, payload)[:_SIGNATURE_BYTES]):
        return None
    return msgspec.json.decode(payload)


def sign_url(store: Store, base: str, node_id: str, parameters: Mapping[str, str], *, life_s: int) -> str:
    """Return a URL that shows one node's content to whoever has it, for *life_s* seconds."""
    query = {
        **parameters,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Date": str(store.clock.now()),
        "X-Amz-Expires": str(life_s),
    }
    return f"{base}/content/signed/{node_id}?" + urlencode(
        {**query, "X-Amz-Signature": _url_signature(store, node_id, query)},
    )


def check_url(store: Store, node_id: str, query: Mapping[str, str]) -> str:
    """Return why a signed URL is refused, in S3's words, or ``""`` if it is good."""
    unsigned = {key: value for key, value in query.items() if key != "X-Amz-Signature"}
    given = query.get("X-Amz-Signature", "")
    if not hmac.compare_digest(given.encode(), _url_signature(store, node_id, unsigned).encode()):
        return "SignatureDoesNotMatch"
    if store.clock.now() > int(query["X-Amz-Date"]) + int(query["X-Amz-Expires"]) * 1000:
        return "AccessDenied"
    return ""


def _url_signature(store: Store, node_id: str, query: Mapping[str, str]) -> str:
    return _mac(store, "url", msgspec.json.encode([node_id, sorted(query.items())])).hex()


def _mac(store: Store, purpose: str, payload: bytes) -> bytes:
    return hmac.new(store.secret, purpose.encode() + b"\0" + payload, hashlib.sha256).digest()
