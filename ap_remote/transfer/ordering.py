"""In which order files are transferred, as rclone's ``--order-by`` has it.

``size``, ``name`` or ``modtime``; after a comma ``ascending`` (``asc``), ``descending`` (``desc``) or ``mixed``; after
``mixed`` the percentage of transfers that begin with the smallest, while the others begin with the largest: 50 if
nothing is said.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ap_remote.transfer.plan import Step

T = TypeVar("T")

By = Literal["name", "size", "modtime"]

_KEYS: Final[dict[str, By]] = {"name": "name", "size": "size", "modtime": "modtime"}
_WHOLE: Final = 100
_HALF: Final = 50
_DIRECTIONS: Final = {"ascending": _WHOLE, "asc": _WHOLE, "descending": 0, "desc": 0}
_FORM: Final = "name, size or modtime, then ,ascending or ,descending or ,mixed or ,mixed,PERCENT"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order."""

    by: By
    from_small: int = _WHOLE
    """Of a hundred files, how many are taken from the small (early, old) end; the others from the large one."""


def parse_order(text: str) -> Order | None:
    """Read an order; nothing means that files stay in the order they are in.

    Raises:
        ConfigError: it is none.
    """
    if not text:
        return None
    word, *rest = text.lower().split(",")
    by = _KEYS.get(word)
    direction = rest[0] if rest else "ascending"
    known = _DIRECTIONS.get(direction)
    if by is None or len(rest) > (2 if direction == "mixed" else 1):
        raise ConfigError(f"an order is {_FORM}, not {text!r}")
    if known is not None:
        return Order(by=by, from_small=known)
    percent = rest[1] if len(rest) > 1 else str(_HALF)
    if direction != "mixed" or not percent.isdecimal() or int(percent) > _WHOLE:
        raise ConfigError(f"an order is {_FORM}, not {text!r}")
    return Order(by=by, from_small=int(percent))


def ordered(steps: Sequence[Step], order_by: str) -> tuple[Step, ...]:
    """Return the steps of files in an order; equal ones stay in theirs.

    Where it is mixed, the two ends take turns by their shares, so that at any time about so many of the transfers that
    run side by side are of small files. Steps of folders and removals do not belong here.

    Raises:
        ConfigError: *order_by* is no order.
    """
    order = parse_order(order_by)
    if order is None:
        return tuple(steps)
    if order.from_small == 0:
        return tuple(sorted(steps, key=lambda step: _key(step, order.by), reverse=True))
    rising = sorted(steps, key=lambda step: _key(step, order.by))
    return tuple(_mixed(rising, order.from_small))


def _mixed(rising: Sequence[T], percent: int) -> Iterator[T]:
    first, last = 0, len(rising) - 1
    for number in count():
        if first > last:
            return
        if (number + 1) * percent // _WHOLE > number * percent // _WHOLE:
            yield rising[first]
            first += 1
        else:
            yield rising[last]
            last -= 1


def _key(step: Step, by: By) -> tuple[int | datetime | str]:
    seen = step.source or step.there
    if by == "name" or seen is None:
        return (step.path,)
    if by == "size":
        return (seen.size,)
    return (seen.modified or datetime.max.replace(tzinfo=UTC),)
