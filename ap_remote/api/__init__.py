"""One function per endpoint; each returns a :class:`~ap_remote.transport.call.Call` and does no I/O."""
