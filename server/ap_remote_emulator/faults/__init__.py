"""What a client must survive, on request. Everything is off unless a test turns it on through ``/_internal/``.

``script`` has failures of single requests; ``behaviour`` the knobs that change how the service behaves until they are
turned back, as one struct; ``knobs`` what they count; ``middleware`` lets them befall requests, and ``sessions``,
``requests``, ``answers`` and ``bodies`` are its parts. The knobs of the library itself (visibility lag, delta stream,
page tokens) are read there, from :class:`Knobs`.
"""

from __future__ import annotations

from ap_remote_emulator.faults.behaviour import Behaviour
from ap_remote_emulator.faults.knobs import Knobs
from ap_remote_emulator.faults.middleware import BehaviourMiddleware
from ap_remote_emulator.faults.script import Fault, FaultMiddleware, Faults

__all__ = ["Behaviour", "BehaviourMiddleware", "Fault", "FaultMiddleware", "Faults", "Knobs"]
