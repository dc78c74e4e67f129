"""Themes: photographs brought together by what they show.

Two photographs are joined where each is among the other's nearest and they are nearer than the library's photographs
usually are. The communities of that graph are the themes; small ones, and what is unlike the middle of its own, are
left unassigned.

Screenshots and documents are taken out first: they are alike in what matters least, and would be most of the themes.

A group's name is what the service sees on most of it; else the word that fits it better than it fits the library as a
whole, if that word stands out among all words. What has no such name is told by its days.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.organise.clock import local_time
from ap_remote.organise.communities import centre, communities
from ap_remote.organise.events import span
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.vocabulary import ALBUM_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.library import VectorTable

DEVIATIONS: Final = 2.0
"""Standard deviations above the library's usual likeness that make two photographs alike."""

LOOSEST: Final = 0.5
TIGHTEST: Final = 0.9

PAPERS: Final = frozenset({"Pages and documents", "Letters", "Menus", "Receipts", "Screenshots"})
"""Names whose photographs are taken out before themes are looked for."""
PAPERS_NAME: Final = "Screenshots and documents"
PAPERS_STAND_OUT: Final = 2.5
"""Standard deviations above what is usual in the library."""
MAJORITY: Final = 0.6
"""Share of a theme on which the service sees one thing, from which on that is its name."""
LEAST_LIFT: Final = 3.5
"""How far a word must stand out among all words, in robust standard deviations, to be a name (own choice: the best of
300 words at random stands out by 3)."""

_PAIRS: Final = 20_000
_CHUNK: Final = 8192
_LEAST_SPREAD: Final = 0.01
_SURE: Final = 0.6
"""A second name is used, where the first is taken, if it fits at least so well beside it."""


class Names(NamedTuple):
    """The vocabulary as an encoder sees it."""

    words: tuple[str, ...]
    """An album's name for each vector; a name may occur several times."""
    vectors: NDArray[np.float32]


class _Library(NamedTuple):
    """The photographs to organise, content by content."""

    table: VectorTable
    rows: NDArray[np.int64]
    """For each content the place of its vector in the table."""
    owners: list[list[Entry]]
    middle: NDArray[np.float32]
    """The mean of all that is indexed, whether it is to be organised or not."""

    def vectors(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of some contents."""
        return self.table.take(self.rows[places])

    def theme(self, places: NDArray[np.int64]) -> _Theme:
        """Return some contents with all that is known of them."""
        labels = self.table.labels(self.rows[places])
        return _Theme([self.owners[place] for place in places], self.vectors(places), labels)


class _Theme(NamedTuple):
    """Contents that belong together."""

    owners: list[list[Entry]]
    vectors: NDArray[np.float32]
    labels: list[tuple[tuple[str, float], ...]]


def prompts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return album names and, beside each, the words to encode for it."""
    pairs = [(name, word) for name, words in ALBUM_NAMES for word in words]
    return tuple(name for name, _ in pairs), tuple(word for _, word in pairs)


def find_themes(
    entries: Mapping[str, Entry], table: VectorTable, names: Names, *, min_size: int, similarity: float | None = None
) -> Grouping:
    """Bring photographs together by their vectors.

    Args:
        entries: the photographs to organise, by node id.
        table: the index's vectors; photographs without one stay unassigned.
        names: what groups may be called.
        min_size: photographs that make a group.
        similarity: the cosine from which two photographs are alike; by default taken from the library itself.
    """
    import numpy as np

    owners: dict[int, list[Entry]] = defaultdict(list)
    for node, row in zip(table.ids, table.rows, strict=True):
        if node in entries:
            owners[int(row)].append(entries[node])
    indexed = {entry.id for each in owners.values() for entry in each}
    left_out = [
        unassigned(entry, "it is not in the index; run `ap index build`")
        for entry in entries.values()
        if entry.id not in indexed
    ]
    rows = sorted(owners)
    if not rows:
        return Grouping([], left_out)
    middle = (table.total() / table.size).astype(np.float32)
    library = _Library(table, np.asarray(rows), [owners[row] for row in rows], middle)
    alike = usual_likeness(table) if similarity is None else similarity
    papers, rest = _papers(library, names, min_size)
    themes: list[NDArray[np.int64]] = []
    for places in communities(library.vectors(rest), alike):
        members = rest[places]
        photographs = [entry for place in members for entry in library.owners[place]]
        if len(photographs) >= min_size:
            themes.append(members)
            continue
        why = f"only {len(photographs)} photographs show such a thing, {min_size} make an album"
        if len(photographs) == 1:
            why = f"what is near it is too different (a likeness of {alike:.2f} to an album's middle is asked)"
        left_out += [unassigned(entry, why) for entry in photographs]
    groups = _named(themes, library, names)
    if len(papers):
        why = f"{len(papers)} different pictures of text and screens, taken out before themes were looked for"
        groups.append(_group(PAPERS_NAME, why, library.theme(papers)))
    return Grouping(sorted(groups, key=lambda group: (-len(group.members), group.name)), left_out)


def _papers(library: _Library, names: Names, min_size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of screenshots and documents, none where they make no album, and those of all the others."""
    import numpy as np

    everything = np.arange(len(library.rows))
    wanted = np.asarray([word in PAPERS for word in names.words])
    if not wanted.any() or wanted.all():
        return everything[:0], everything
    best = np.empty(len(everything), dtype=np.float32)
    first = np.empty(len(everything), dtype=np.bool_)
    for start in range(0, len(everything), _CHUNK):
        cosines = library.vectors(everything[start : start + _CHUNK]) @ names.vectors.T
        best[start : start + _CHUNK] = cosines[:, wanted].max(axis=1)
        first[start : start + _CHUNK] = wanted[cosines.argmax(axis=1)]
    middle = float(np.median(best))
    spread = max(middle - float(np.quantile(best, 0.16)), _LEAST_SPREAD)
    found = first & (best >= middle + PAPERS_STAND_OUT * spread)
    if sum(len(library.owners[place]) for place in np.flatnonzero(found)) < min_size:
        return everything[:0], everything
    return everything[found], everything[~found]


def usual_likeness(table: VectorTable) -> float:
    """Return the cosine from which two photographs are more alike than photographs of this library usually are."""
    import numpy as np

    if table.size < 2:  # noqa: PLR2004 - a pair
        return TIGHTEST
    pick = np.random.default_rng(0)  # the same library gives the same plan
    left, right = pick.integers(0, table.size, size=(2, _PAIRS))
    apart = left != right
    cosines = np.einsum("nd,nd->n", table.take(left[apart]), table.take(right[apart]))
    # The median and the lower half of the spread: pairs of one theme lie above and must not raise the bar.
    middle = float(np.median(cosines))
    spread = middle - float(np.quantile(cosines, 0.16))
    return float(np.clip(middle + DEVIATIONS * spread, LOOSEST, TIGHTEST))


def _named(themes: Sequence[NDArray[np.int64]], library: _Library, names: Names) -> list[Group]:
    """Return a group for each theme with a name and the reason for it; no name is given twice."""
    taken: set[str] = {PAPERS_NAME}
    named = Once()
    groups = []
    for members in themes:
        theme = library.theme(members)
        entries = [entry for owners in theme.owners for entry in owners]
        name, fits = _majority(entries) or _word(theme.vectors, library, names, taken) or _days(entries)
        taken.add(name)
        seen = _seen(theme.labels)
        why = f"{len(members)} different pictures; {fits}"
        groups.append(_group(named(name), f"{why}; {seen}" if seen else why, theme))
    return groups


def _majority(entries: Sequence[Entry]) -> tuple[str, str] | None:
    """Return what the service sees on most of a theme."""
    things = Counter(thing for entry in entries for thing in set(entry.things))
    most = max(things.values(), default=0)
    if most < MAJORITY * len(entries) or not most:
        return None
    thing = min(each for each, count in things.items() if count == most)
    name = album_name(thing.replace("_", " "), "Things")
    return name[:1].upper() + name[1:], f"the service sees “{name}” on {most / len(entries):.0%} of them"


def _word(vectors: NDArray[np.float32], library: _Library, names: Names, taken: set[str]) -> tuple[str, str] | None:
    """Return the word that fits a theme better than the library, if it stands out among all words."""
    import numpy as np

    # What is most of the library cannot stand out from it: the larger a theme, the less the rest counts.
    share = len(vectors) / library.table.size
    lift = names.vectors @ (vectors.mean(axis=0) - (1 - share) * library.middle)
    best = np.argsort(-lift)
    middle = float(np.median(lift))
    spread = max(1.4826 * float(np.median(np.abs(lift - middle))), 1e-6)
    if (lift[best[0]] - middle) / spread < LEAST_LIFT:
        return None
    free = next(
        (place for place in best if lift[place] >= _SURE * lift[best[0]] and names.words[place] not in taken), None
    )
    place = int(best[0] if free is None else free)
    return names.words[place], f"“{names.words[place]}” fits them by {lift[place]:.2f} more than the library"


def _days(entries: Sequence[Entry]) -> tuple[str, str]:
    """Return a name for what no word fits."""
    times = sorted(when for entry in entries if (when := local_time(entry)) is not None)
    days = f", {span(times[0], times[-1])}" if times else ""
    return f"Alike{days}", "no word stands out for them"


def _seen(labels: Sequence[Sequence[tuple[str, float]]]) -> str:
    """Return what the classifier saw on the whole, in words; empty where there is none."""
    total: dict[str, float] = defaultdict(float)
    for each in labels:
        for name, share in each:
            total[name.partition(",")[0]] += share / len(labels)
    best = sorted(total.items(), key=lambda each: (-each[1], each[0]))[:3]
    return "looks like " + ", ".join(f"{name} ({share:.0%})" for name, share in best) if best else ""


def _group(name: str, why: str, theme: _Theme) -> Group:
    middle = centre(theme.vectors)
    inside = []
    for owners, vector, labels in zip(*theme, strict=True):
        score = round(float(vector @ middle), 4)
        seen = _seen([labels])
        reason = f"likeness {score:.2f} to the album's middle" + (f"; {seen}" if seen else "")
        inside += [Member(entry, reason, max(0.0, min(1.0, score))) for entry in owners]
    inside.sort(key=lambda member: (-member.score, member.entry.path))
    return Group(name, why, inside, round(float((theme.vectors @ middle).mean()), 4))
