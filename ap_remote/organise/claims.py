"""Which of several groups gets a photograph, where it can go to one only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.organise.groups import Group, Member

CLOSE: Final = 0.25
"""Log-odds by which the best class of a photograph must be ahead of the next one.

Of planted photographs that several classes took (``tests/quality/taxonomy.py``, three scenes) 6 to 8 % are closer: for
87 to 91 % of these the best was right, for 99.7 % of the others."""


class Best(NamedTuple):
    """What was decided of each photograph, by its id."""

    numbers: dict[str, int]
    """The group that gets it."""
    tied: dict[str, tuple[str, ...]]
    """The names of groups of which none is the best, the best first."""


class _Claim(NamedTuple):
    number: int
    group: Group
    member: Member

    @property
    def rank(self) -> tuple[float, int, int]:
        """What claims are ordered by: how well it fits, how deep the group lies, the order of the groups."""
        fit = self.member.score if self.member.odds is None else self.member.odds
        return fit, self.group.above.count("/") + bool(self.group.above), -self.number


def best_of(groups: Sequence[Group]) -> Best:
    """Decide for each photograph which group fits it best.

    Of equals it is the one that lies deepest, then the first. Where groups tell odds, those are equals that differ by
    less than :data:`CLOSE`: a class goes before those above it, then the higher priority before others, and what is
    left is a tie, unless it is certain of all that they fit. A class that is certain of all that a filter finds takes
    nothing from those below it.
    """
    claims: dict[str, list[_Claim]] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            claims.setdefault(member.entry.id, []).append(_Claim(number, group, member))
    best = Best({}, {})
    for id_, found in claims.items():
        left = _equals(sorted(_lowest(found), key=lambda each: each.rank, reverse=True)) if len(found) > 1 else found
        if len(left) > 1 and not all(claim.member.odds == math.inf for claim in left):
            best.tied[id_] = tuple(claim.group.name for claim in left)
        else:
            best.numbers[id_] = left[0].number
    return best


def _lowest(claims: Sequence[_Claim]) -> list[_Claim]:
    """Return claims without those that are certain and lie above another one."""
    covered = _above(claims)
    return [each for each in claims if each.member.odds != math.inf or not covered.intersection(each.group.classes[:1])]


def _above(claims: Sequence[_Claim]) -> set[str]:
    return {name for each in claims for name in each.group.classes[1:]}


def _equals(claims: Sequence[_Claim]) -> Sequence[_Claim]:
    """Return of claims, best first, those that cannot be told apart from the best one."""
    first = claims[0].member.odds
    if first is None:
        return claims[:1]
    near = [each for each in claims if each.member.odds == first or first - (each.member.odds or 0.0) < CLOSE]
    covered = _above(near)
    near = [each for each in near if not covered.intersection(each.group.classes[:1])]
    highest = max(each.group.priority for each in near)
    return [each for each in near if each.group.priority == highest]
