"""What a caller may say about an upload, in a query or in the metadata of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

from ap_remote_emulator.errors import BadRequestError, InvalidFilterError
from ap_remote_emulator.library import assets, names
from ap_remote_emulator.library.nodes import id_list
from ap_remote_emulator.query.fields import read_date
from ap_remote_emulator.query.tree import Term

WEB: Final = ("Pictures", "Web")
"""Where web uploads without a parent land."""
MAX_CLIENT: Final = 256
_DETAILS: Final = ("description", "labels", "settings", "properties", "accessRuleIds")
"""What a form's metadata may say beside name and place. Keywords are read from the content."""
_SUPPRESS: Final = frozenset({"NONE", "DEDUPLICATION", "PROCESSING", "TRANSCODING", "ALL"})
_RENAME: Final = "RENAME"
_MAX_DIGITS: Final = 18


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of content.

    Attributes:
        size: how many bytes there are, if it was said.
        content_date: milliseconds since 1970 UTC; used where the file itself tells none.
        duplicates: accept bytes that the account already holds.
        process: read what the bytes tell. Nothing is ever transcoded here, so there is no switch for that.
        signatures: ``contentProperties.contentSignatures``.
    """

    size: int | None = None
    content_date: int | None = None
    duplicates: bool = False
    process: bool = True
    signatures: tuple[dict[str, str], ...] = ()

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read the query of an upload.

        Raises:
            BadRequestError: a value makes no sense.
        """
        return cls(**_change(parameters))

    def check_size(self, size: int) -> None:
        """Compare how many bytes came with what was said.

        Raises:
            BadRequestError: they differ.
        """
        if self.size not in (None, size):
            raise BadRequestError("Cannot complete upload: the content has not fileSize bytes")


class Wish(Change, frozen=True, kw_only=True):
    """What a caller says of a new node.

    Attributes:
        asset_type: it is the part of a live photo; its parent is a file.
        parent_id: the folder or file; ``""`` for where uploads without a parent land.
        further_parents: more folders.
        landing: names of the folders from the root to where an upload without a parent lands.
        rename: take another name if this one is taken.
        family: put it into the family vault as well.
        local_id: the caller's own name for this creation, ``""`` for none.
        client: what ``createdBy`` shall say, ``""`` for the usual (inferred).
        details: what :func:`~ap_remote_emulator.library.details.describe` writes.
    """

    name: str
    asset_type: str | None = None
    parent_id: str = ""
    further_parents: tuple[str, ...] = ()
    landing: tuple[str, ...] = WEB
    rename: bool = False
    family: bool = False
    local_id: str = ""
    client: str = ""
    details: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """``FILE`` or ``ASSET``."""
        return "FILE" if self.asset_type is None else assets.ASSET

    @property
    def parents(self) -> tuple[str, ...]:
        """All parents that the caller named."""
        return (self.parent_id, *self.further_parents) if self.parent_id else self.further_parents

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read the query of an upload whose body is the bytes.

        Raises:
            BadRequestError: a name that cannot be, a kind other than ``FILE`` and ``ASSET``, or another value that
                makes no sense.
        """
        return cls(
            name=names.check_name(parameters.get("name")),
            asset_type=_asset_type(parameters.get("kind", "FILE"), parameters.get("assetType", "")),
            parent_id=_parent(parameters),
            rename=_conflict(parameters),
            family=_flag(parameters, "addToFamilyArchive"),
            local_id=parameters.get("localId", ""),
            client=_client(parameters),
            details={
                "settings": {"favorite": _flag(parameters, "isFavorite"), "hidden": _flag(parameters, "isHidden")},
                "accessRuleIds": [each for each in parameters.get("accessRuleIds", "").split(",") if each],
            },
            **_change(parameters),
        )

    @classmethod
    def read_form(cls, metadata: Mapping[str, Any], parameters: Mapping[str, str]) -> Self:
        """Read the metadata of a form, and the query beside it.

        A form without ``parents`` lands in the root, as ``POST nodes`` does (inferred).

        Raises:
            BadRequestError: a field makes no sense.
        """
        parents = id_list(metadata["parents"]) if metadata.get("parents") is not None else []
        asset = metadata.get("assetProperties") or {}
        asset_type = _asset_type(
            metadata.get("kind", "FILE"), asset.get("assetType") if isinstance(asset, dict) else ""
        )
        if asset_type is not None and len(parents) != 1:
            raise BadRequestError("An asset has one file as its parent")
        return cls(
            name=names.check_name(metadata.get("name")),
            asset_type=asset_type,
            further_parents=tuple(parents),
            landing=(),
            local_id=parameters.get("localId", ""),
            details={key: metadata[key] for key in _DETAILS if key in metadata},
            **_change(parameters),
        )


def _change(parameters: Mapping[str, str]) -> dict[str, Any]:
    words = {word.strip().upper() for word in parameters.get("suppress", "").split(",")} - {""}
    if unknown := words - _SUPPRESS:
        raise BadRequestError(f"Invalid suppress: {min(unknown)[:40]}")
    dates = [_date(parameters, name) for name in ("contentDate", "fallbackContentDate")]
    signature, kind = (parameters.get(name, "") for name in ("contentSignature", "contentSignatureType"))
    if bool(signature) != bool(kind):
        raise BadRequestError("contentSignature and contentSignatureType come together")
    pair = {"contentSignatureType": kind, "contentSignature": signature}
    size = parameters.get("fileSize", "")
    if size and not (size.isascii() and size.isdigit() and len(size) <= _MAX_DIGITS):
        raise BadRequestError(f"Invalid fileSize: {size[:40]}")
    return {
        "size": int(size) if size else None,
        "content_date": next((date for date in dates if date is not None), None),
        "duplicates": bool(words & {"DEDUPLICATION", "ALL"}),
        "process": not words & {"PROCESSING", "ALL"},
        "signatures": (pair,) if signature else (),
    }


def _asset_type(kind: object, asset_type: object) -> str | None:
    if kind == "FILE":
        if asset_type:
            raise BadRequestError("assetType belongs to kind ASSET")
        return None
    if kind != assets.ASSET:
        raise BadRequestError(f"Invalid Kind {str(kind)[:40]}")
    if not isinstance(asset_type, str) or asset_type not in assets.TYPES:
        raise BadRequestError(f"Invalid assetType: {str(asset_type)[:40]}")
    return asset_type


def _parent(parameters: Mapping[str, str]) -> str:
    parent = parameters.get("parentNodeId", "")
    if not parent and parameters.get("kind") == assets.ASSET:
        raise BadRequestError("An asset has one file as its parent")
    return parent


def _conflict(parameters: Mapping[str, str]) -> bool:
    """Whether to rename. Other words than ``RENAME`` are in no source; they mean what none means (inferred)."""
    return parameters.get("conflictResolution", "").upper() == _RENAME


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    text = parameters.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise BadRequestError(f"Invalid {name}: {text[:40]}")
    return text == "true"


def _client(parameters: Mapping[str, str]) -> str:
    client = parameters.get("clientName", "")
    if len(client) > MAX_CLIENT or not client.isprintable():
        raise BadRequestError("Invalid clientName")
    return client


def _date(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        return read_date(Term(text, 0))
    except InvalidFilterError:
        raise BadRequestError(f"Invalid {name}: {text[:40]}") from None
