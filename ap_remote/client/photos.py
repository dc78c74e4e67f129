"""The class itself: its families of methods, put together."""

from __future__ import annotations

from ap_remote.client.groups import Groups
from ap_remote.client.reading import Reading
from ap_remote.client.writing import Writing


class AmazonPhotos(Reading, Writing, Groups):
    """A photo library, synchronously. Nothing is asked, opened or started before a method needs it.

    Any thread may use it, also while an event loop runs, as in a notebook; calls wait side by side. ``with`` is
    allowed, not needed: one that is dropped, or left at the end of the program, is closed. It does not survive a fork:
    what was in use before says so in the child.

    Args:
        cookies: of a browser session; hyphens or underscores in their names.
        db_path: a Parquet file that is to hold the library (:attr:`db`); without it no file is written.
        tmp: a folder to keep every answer of the service in, redacted, each client in a subfolder of its own.
        remote: instead of cookies, a configured remote (``local:``, ``home:``) or a ready one, which is closed with
            the client; with neither cookies nor *tld* the default remote.
        tld: the marketplace, where the cookies do not tell. Without cookies they are taken from the environment
            (``session_id``, ``ubid_acbca``, ``at_acbca`` for ``ca``).
        region: the content host's region, where the table does not know it.
        columns: of frames: ``amazon`` (``createdDate``, ``image.width`` …) as the seed's, or ``own``.
        dtype_backend: of frames: ``numpy_nullable`` or ``pyarrow``.
        engine: by which *db_path* is read; it is always ``pyarrow``.
        cdproxy_override: names the region by its host, as ``https://content-eu.drive.amazonaws.com/cdproxy/nodes``.
        kwargs: further options of the seed: ``filters``, ``filesystem`` and ``storage_options`` go to
            ``pandas.read_parquet``; ``limits``, ``cache_path`` and ``use_cache`` are without effect, as a warning says.

    Raises:
        AuthenticationError: a cookie is missing.
        ConfigError: options contradict each other, or no such remote or marketplace is known.
        TypeError: an option that nobody ever knew.
    """
