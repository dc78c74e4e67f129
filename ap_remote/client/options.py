"""What the constructor takes: the options of the seed, which of them still mean something, and ours."""

from __future__ import annotations

import math
import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from ap_remote import config
from ap_remote.connect import connect, from_cookies, split_spec
from ap_remote.errors import AuthenticationError, ConfigError, LimitError
from ap_remote.remote.base import Remote
from ap_remote.tables import Columns
from ap_remote.transport import MARKETPLACES, marketplace_of

RETIRED: Final = {
    "limits": "connections are few and paced",
    "cache_path": "the node cache keeps the tree",
    "use_cache": "the node cache keeps the tree",
    "chunk_size": "sizes of pieces are ours to choose",
    "max_connections": "connections are few and paced",
    "m": "waiting follows what the service asks for",
    "b": "waiting follows what the service asks for",
    "max_retries": "tries are counted by what failed",
    "desc": "there is no progress bar here",
    "filters": "a refresh is always complete",
    "engine": "pyarrow reads and writes",
}
"""Options of the seed that change nothing any more, and why."""
_READING: Final = frozenset({"filters", "filesystem", "storage_options"})
"""What the seed handed on to ``pandas.read_parquet`` beside the two that have names here."""
_BACKENDS: Final = (None, "numpy_nullable", "pyarrow")
_ENGINES: Final = ("auto", "pyarrow", "fastparquet")
_CONTENT_HOST: Final = re.compile(r"(?:https://)?content-(na|eu|jp)\.drive\.amazonaws\.com(?:/.*)?")


class RetiredOptionWarning(UserWarning):
    """An option of the seed that changes nothing any more; said once for each call."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How a remote is opened when it is needed, and what it is called until then."""

    name: str
    make: Callable[[], Remote]

    def __repr__(self) -> str:
        """Show the name; what opens it may hold cookies."""
        return f"Opening({self.name!r})"


class Frames(msgspec.Struct, frozen=True, kw_only=True):
    """What frames look like."""

    columns: Columns = "amazon"
    dtype_backend: Any = None
    reading: dict[str, Any] = msgspec.field(default_factory=dict)
    """More for ``pandas.read_parquet``."""


def opening(
    cookies: Mapping[str, str] | None,
    remote: str | Remote | None,
    *,
    tld: str | None,
    region: str | None,
    tmp: str | Path,
) -> Opening:
    """Return how to open what these name: cookies, a remote, or with *tld* alone the cookies of the environment.

    Raises:
        ConfigError: they contradict each other, or name nothing that is known.
        AuthenticationError: a cookie is missing.
    """
    if remote is not None and (cookies is not None or tld is not None or region is not None):
        raise ConfigError("give cookies or a remote, not both; tld and region belong to cookies")
    if isinstance(remote, Remote):
        if tmp:
            raise ConfigError(
                "tmp keeps the answers of a remote that is opened here: connect(…, record=) does it there"
            )
        return Opening(name=remote.name, make=lambda: remote)
    if cookies is None and (remote is not None or tld is None):
        settings = config.load()
        name, _ = split_spec(remote, settings)
        settings.account(name)
        return Opening(name=name, make=lambda: connect(remote, record=_recording(tmp)))
    kept = _checked(environment_cookies(tld or "") if cookies is None else cookies)
    # Made once at once, which opens nothing: who lacks a cookie should hear of it here.
    first = from_cookies(kept, tld=tld, region=region)
    if not tmp:
        return Opening(name=first.name, make=lambda: first)
    return Opening(name=first.name, make=lambda: from_cookies(kept, tld=tld, region=region, record=_recording(tmp)))


def frames(columns: Any, dtype_backend: Any, engine: Any, reading: dict[str, Any]) -> Frames:
    """Return what frames look like.

    Raises:
        ConfigError: pandas has no such thing.
    """
    if columns not in get_args(Columns):
        raise ConfigError(f"columns are {' or '.join(map(repr, get_args(Columns)))}, not {columns!r}")
    if dtype_backend not in _BACKENDS:
        raise ConfigError(f"dtype_backend is 'numpy_nullable' or 'pyarrow', not {dtype_backend!r}")
    if engine not in _ENGINES:
        raise ConfigError(f"engine is one of {', '.join(_ENGINES)}, not {engine!r}")
    return Frames(columns=columns, dtype_backend=dtype_backend, reading=reading)


def leftover(options: Mapping[str, Any], *, where: str, level: int = 1) -> None:
    """Warn of retired options; *level* says how many of our calls the user's line is away.

    Raises:
        TypeError: nobody ever knew one of them.
    """
    if unknown := [name for name in options if name not in RETIRED]:
        raise TypeError(f"{where} got an unexpected keyword argument {unknown[0]!r}")
    if options:
        told = ", ".join(f"{name} ({RETIRED[name]})" for name in options)
        warnings.warn(f"{where}: without effect: {told}", RetiredOptionWarning, stacklevel=level + 2)


def for_pandas(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is for ``pandas.read_parquet``, and the rest."""
    return (
        {name: value for name, value in options.items() if name in _READING},
        {name: value for name, value in options.items() if name not in _READING},
    )


def region_of(cdproxy_override: object) -> str:
    """Return the region of a content host of Amazon's.

    Raises:
        ConfigError: it is none. The session's cookies go to that host: it is not for anybody to name.
    """
    match = _CONTENT_HOST.fullmatch(str(cdproxy_override))
    if match is None:
        raise ConfigError("cdproxy_override is no content host of Amazon's: say region='na', 'eu' or 'jp'")
    return match[1]


def environment_cookies(tld: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the cookies that the environment has for a marketplace, as release 0.0.44 read them.

    For ``ca`` these are ``session_id``, ``ubid_acbca`` and ``at_acbca``.

    Raises:
        ConfigError: no such marketplace.
        AuthenticationError: one is missing; no value is shown.
    """
    env = os.environ if environ is None else environ
    found = next((each for each in MARKETPLACES if each.tld == tld), None)
    if found is None:
        raise ConfigError(f"no marketplace amazon.{tld} is known: pass the cookies, with tld and region")
    names = {f"{each}_{found.suffix}": f"{each}-{found.suffix}" for each in ("ubid", "at")}
    names = {"session_id": "session-id", **names}
    if missing := [name for name in names if not env.get(name)]:
        raise AuthenticationError(f"the environment lacks {', '.join(missing)}: set it, or pass cookies=")
    return {cookie: env[name] for name, cookie in names.items()}


def rows_at_most(limit: float | None) -> int | None:
    """Return a number of rows; the seed's ``math.inf`` is ``None``, as many as there are.

    Raises:
        LimitError: it is negative, or no whole number.
    """
    if limit is None or limit == math.inf:
        return None
    if limit < 0 or int(limit) != limit:
        raise LimitError(f"a number of rows is whole and not negative, not {limit!r}")
    return int(limit)


def _checked(cookies: Any) -> dict[str, str]:
    """Return cookies that are texts; the documentation's ``...`` is none."""
    if not isinstance(cookies, Mapping):
        raise ConfigError("cookies are a dictionary of names and values, e.g. {'session-id': '…', 'ubid-main': '…'}")
    marketplace_of(map(str, cookies))
    if wrong := [str(name) for name, value in cookies.items() if not isinstance(value, str)]:
        raise ConfigError(f"the value of a cookie is a text: put yours in for {', '.join(wrong)}")
    return {str(name): value for name, value in cookies.items()}


def _recording(tmp: str | Path) -> Path | None:
    """Return a new folder in *tmp*: a recording has one for itself, and a notebook is run more than once."""
    return Path(tmp).expanduser() / str(time.time_ns()) if tmp else None
