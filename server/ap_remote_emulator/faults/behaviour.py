"""The knobs, as the body of ``POST /_internal/behaviour``. What is left out is off; ``docs/service.md`` has the table.

Times are milliseconds of the service's clock, which ``/_internal/clock`` moves: no test has to sleep.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Times = Annotated[int, msgspec.Meta(ge=-1)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]


class _Knobs(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How every group of knobs is read: camel case, and nothing unknown."""


class Lag(_Knobs, frozen=True, kw_only=True):
    """How long listings, search and the trash show nodes as they were before a change, in milliseconds.

    ``GET nodes/{id}`` and the answers of writes are the truth at once.

    Attributes:
        create: a new folder or album is not listed.
        upload: a new file is not listed.
        move: a moved or renamed node is listed at the old place under the old name; also for changes of membership.
        trash: a trashed node is still listed as alive, and not in the trash.
        restore: a restored node is still in the trash only.
        purge: a purged node is still listed.
        change: whatever else a write changed (settings, description, labels, content) is not shown.
        changes: the delta stream lags, too: it ends before the first change that listings do not show yet.
        parents: ``children`` of a folder that is not visible yet is a 404.
    """

    create: Count = 0
    upload: Count = 0
    move: Count = 0
    trash: Count = 0
    restore: Count = 0
    purge: Count = 0
    change: Count = 0
    changes: bool = False
    parents: bool = False


class Paging(_Knobs, frozen=True, kw_only=True):
    """What goes wrong between two pages.

    Attributes:
        duplicate: pages after the first begin so many rows too early, as if as many had been inserted before.
        skip: pages after the first begin so many rows too late, as if as many had gone.
        tokens: whether answers carry a ``nextToken`` at all; some sources saw none since December 2023.
        token_pages: after so many pages by token the next one is "Next token is expired", once; 0 is never.
        token_life: milliseconds that a token lives; 0 is the service's own choice.
        stale_children: for so many milliseconds after a node left a folder that folder still lists it, though its own
            ``parents`` no longer name the folder.
    """

    duplicate: Count = 0
    skip: Count = 0
    tokens: bool = True
    token_pages: Count = 0
    token_life: Count = 0
    stale_children: Count = 0


class Throttle(_Knobs, frozen=True, kw_only=True):
    """429 ``Rate exceeded`` in bursts: after every *every* requests *length* are refused; 0 is off.

    Attributes:
        retry_after: seconds for the header ``Retry-After``; without it there is no such header.
    """

    every: Count = 0
    length: Count = 1
    retry_after: Count | None = None


class Busy(_Knobs, frozen=True, kw_only=True):
    """503 in bursts, counted as in :class:`Throttle`.

    Attributes:
        body: the page that a suspected bot sees, the JSON that asks to back off, or nothing.
    """

    every: Count = 0
    length: Count = 1
    body: Literal["html", "json", "empty"] = "json"


class Session(_Knobs, frozen=True, kw_only=True):
    """How sessions and tokens end.

    Attributes:
        requests: so many requests are answered per ``at-`` cookie; then 401 until the cookie is another one.
        rotate_every: every so many answers carry fresh cookies; the header ``x-amzn-sessionid`` must follow.
        grace: milliseconds that the cookies before a rotation stay good.
        token_requests: so many requests are answered per access token; then 401 ``Token has expired`` until the caller
            brings another, which the token endpoints give.
    """

    requests: Count = 0
    rotate_every: Count = 0
    grace: Count = 0
    token_requests: Count = 0


class Uploads(_Knobs, frozen=True, kw_only=True):
    """What befalls files on their way in.

    Attributes:
        denied: so many uploads are received whole, stored, and answered with 504; -1 is all.
        appears: milliseconds until listings show the file of an upload that was denied so.
        pending: for so many milliseconds after its creation a file is ``PENDING`` and has no ``contentProperties``,
            in every answer.
    """

    denied: Times = 0
    appears: Count = 0
    pending: Count = 0


class Delta(_Knobs, frozen=True, kw_only=True):
    """What goes wrong in the stream of changes.

    Attributes:
        older: the stream ends with the version before the last of every node it told of that has changed meanwhile.
        reverse: in every line children come before their parents, and later changes before earlier ones.
        lines: the stream breaks off after so many lines, without ``end``; -1 never.
        status: from the line *status_line* on, counted from 0, there is but one more: it has this ``statusCode``, no
            nodes and the checkpoint before; then comes ``end``. 200 is off.
        resets: so many streams begin anew whatever the checkpoint; -1 is all.
        times: how many streams *lines* or *status* befall; -1 is all.
    """

    older: bool = False
    reverse: bool = False
    lines: Times = -1
    status: Status = 200
    status_line: Count = 0
    resets: Times = 0
    times: Times = -1


class Bodies(_Knobs, frozen=True, kw_only=True):
    """What befalls bytes on their way out; lengths concern downloads and thumbnails alone.

    Attributes:
        bytes_per_second: how fast the body of any answer is sent; 0 is as fast as it goes.
        truncate: so many bytes of a download are sent, under its true headers; -1 is all.
        length_off: how far ``content-length`` is off. With less than the truth the rest is not sent, for HTTP/1.1
            could not carry it: only a digest tells. With more the connection breaks.
        redirect_to: an origin, such as ``https://elsewhere.test``, that replaces the service's own in redirects.
    """

    bytes_per_second: Count = 0
    truncate: Times = -1
    length_off: int = 0
    redirect_to: str = ""


class Behaviour(_Knobs, frozen=True, kw_only=True):
    """All knobs.

    Attributes:
        concurrency: with more requests than this at once the surplus is a 503; 0 is no limit. (Over HTTP/2 the real
            service allows 128 streams; this one speaks HTTP/1.1, so requests count.)
        text_numbers: the numbers of usage and quota are strings.
        purge_errors: ids that a purge leaves alone, with the code that ``errorMap`` has for them; ``*`` is every id.
        trash_errors: the same for ``PATCH trash``. That it may have an ``errorMap`` is (inferred) from the purge.
    """

    lag: Lag = Lag()
    paging: Paging = Paging()
    throttle: Throttle = Throttle()
    busy: Busy = Busy()
    session: Session = Session()
    uploads: Uploads = Uploads()
    delta: Delta = Delta()
    bodies: Bodies = Bodies()
    concurrency: Count = 0
    text_numbers: bool = False
    purge_errors: dict[str, int] = {}
    trash_errors: dict[str, int] = {}
