"""Where redirects led, for some seconds and in memory alone, so that parts of one file do not each ask for the way.

What is remembered are addresses that need no credentials, which makes them some themselves: nothing here shows one.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterator

    import httpx

LIFE: Final = 10.0
"""Seconds that a way is remembered, at most (own choice); an address that ends sooner, and says so, is dropped then."""
_MOST: Final = 1024
"""Ways remembered at one time (own choice)."""
_DATE: Final = "%Y%m%dT%H%M%SZ"


class Onward:
    """The ways of one account.

    Args:
        clock: seconds, of any beginning.
        now: seconds since 1970, for what a signed address says of its end.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._now = now
        self._led: OrderedDict[str, tuple[httpx.URL, float]] = OrderedDict()
        self._asking: dict[str, Future[None]] = {}

    def __repr__(self) -> str:
        return f"Onward({len(self._led)})"

    async def recall(self, key: str) -> httpx.URL | None:
        """Return where *key* leads, if that is known; whoever asks for it right now is waited for."""
        asking = self._asking.get(key)
        if asking is not None and asking.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({asking})
        url, end = self._led.get(key, (None, 0.0))
        return url if self._clock() < end else None

    @contextmanager
    def asking(self, key: str) -> Iterator[None]:
        """Let others wait for the way that is asked for within, or until the asking has failed."""
        future: Future[None] = asyncio.get_running_loop().create_future()
        self._asking[key] = future
        try:
            yield
        finally:
            self._wake(key, future)

    def learn(self, key: str, url: httpx.URL) -> None:
        """Remember where *key* led."""
        life = min(LIFE, self._left(url))
        if life > 0:
            self._led[key] = (url, self._clock() + life)
            self._led.move_to_end(key)
            while len(self._led) > _MOST:
                self._led.popitem(last=False)
        if key in self._asking:
            self._wake(key, self._asking[key])

    def forget(self, key: str) -> None:
        """Drop what is known of *key*."""
        self._led.pop(key, None)

    def _wake(self, key: str, future: Future[None]) -> None:
        if not future.done():
            future.set_result(None)
        if self._asking.get(key) is future:
            del self._asking[key]

    def _left(self, url: httpx.URL) -> float:
        """Return the seconds that an address holds by its own word; without a date it counts as made now."""
        said = {name.lower(): value for name, value in url.params.items()}
        expires = said.get("x-amz-expires", "")
        if not expires.isdecimal():
            return LIFE
        try:
            made = datetime.strptime(said.get("x-amz-date", ""), _DATE).replace(tzinfo=UTC).timestamp()
        except ValueError:
            made = self._now()
        return made + int(expires) - self._now()
