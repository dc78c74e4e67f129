"""The whole library as one frame, and as the seed's Parquet file where somebody asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ap_remote.client.core import Core
from ap_remote.client.options import leftover
from ap_remote.errors import ConfigError, StoreError
from ap_remote.model import Kind
from ap_remote.remote.features import SupportsSync
from ap_remote.tables import to_parquet

if TYPE_CHECKING:
    import pandas as pd

_DB: Final = "db"
_MAGIC: Final = b"PAR1"


class Table(Core):
    """Methods around ``db``. The truth is the account and its node cache; the file is a copy for other programs.

    It is written when the library is loaded and the file is missing, when it is refreshed, and after this client
    changed something; as the seed's, it appears nowhere unless ``db_path`` names it.
    """

    @property
    def db(self) -> pd.DataFrame:
        """The library. It is loaded once, and anew after this client changed something or :meth:`refresh_db`."""
        return self._keep(_DB, self.load_db)

    @db.setter
    def db(self, frame: pd.DataFrame) -> None:
        self._kept[_DB] = frame

    def load_db(self, **kwargs: Any) -> pd.DataFrame:
        """Return the library: photographs, films and all other files, each once.

        Args:
            kwargs: for ``pandas.read_parquet``, e.g. ``columns=["id", "md5"]``; they need ``db_path``.

        Raises:
            StoreError: there is something else in the file.
            ConfigError: *kwargs* without a file.
        """
        file = self._file()
        if file is None:
            if kwargs:
                raise ConfigError(f"{', '.join(kwargs)}: these are about a Parquet file, and no db_path was given")
            return self._frame(self._library())
        if not file.exists():
            self._write(file)
        return self._read(file, kwargs)

    def refresh_db(self, filters: str | None = None, **kwargs: Any) -> pd.DataFrame:
        """Bring the node cache up to date, where there is one, write the file, where there is one; return ``db``.

        Args:
            filters: of no use any more: a refresh is always complete.
            kwargs: options of the seed without effect.
        """
        leftover({**kwargs, **({} if filters is None else {"filters": filters})}, where="refresh_db()")
        remote = self._remote
        if isinstance(remote, SupportsSync):
            self._run(remote.sync)
        return self._reload()

    def refresh_db_aggressive(self) -> pd.DataFrame:
        """List every folder anew, whatever the cache believes; otherwise as :meth:`refresh_db`."""
        self._collect(lambda: self._remote.list("", recursive=True, fresh=True))
        return self.refresh_db()

    def _reload(self) -> pd.DataFrame:
        self._changed()
        if file := self._file():
            self._write(file)
        return self.db

    def _settle(self) -> None:
        """Let the file be there when a first look at the library is over: so said the seed, and so may a next cell."""
        if (file := self._file()) is not None and not file.exists():
            self._write(file)

    def _changed(self) -> None:
        super()._changed()
        self._stale = True

    _stale = False

    def _file(self) -> Path | None:
        return Path(self.db_path).expanduser() if self.db_path else None

    def _library(self) -> list[Any]:
        found = self._collect(lambda: self._remote.list("", recursive=True))
        return list({each.id: each for each in found if each.kind is Kind.FILE}.values())

    def _write(self, file: Path) -> None:
        """Write the file; another one of that name that is no table is left alone.

        Raises:
            StoreError: it is no Parquet file.
        """
        if file.exists() and not _is_table(file):
            raise StoreError(f"{file} is no Parquet file, and is left as it is: choose another db_path")
        rows = sorted(
            self._library(), key=lambda each: each.modified.timestamp() if each.modified else 0.0, reverse=True
        )
        to_parquet(rows, file, columns=self._frames.columns)
        self._stale = False

    def _read(self, file: Path, more: dict[str, Any]) -> pd.DataFrame:
        import pandas as pd

        if self._stale:
            self._write(file)
        if not _is_table(file):
            raise StoreError(f"{file} is no Parquet file: choose another db_path")
        options = {**self._frames.reading, **more}
        if self._frames.dtype_backend is not None:
            options.setdefault("dtype_backend", self._frames.dtype_backend)
        return pd.read_parquet(file, **options)


def _is_table(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC
