"""``UPath("ap://…")``: the photo library as ``pathlib`` would have it.

universal_pathlib finds this module by its entry points and imports it at the first such path; nothing else may, since
the package is optional (``ap-remote[pathlib]``).
"""

from __future__ import annotations

import glob
import posixpath
from typing import TYPE_CHECKING, Any, Final

from fsspec import register_implementation  # type: ignore[import-untyped]  # fsspec ships no types
from upath import UPath

from ap_remote.fsspec import AmazonPhotosFileSystem
from ap_remote.remote.paths import fold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from upath.types import JoinablePathLike, WritablePathLike

_MARK: Final = "://"

for _protocol in AmazonPhotosFileSystem.protocol:
    # UPath takes its rules for paths from classes that are loaded already; for others it warns and guesses.
    register_implementation(_protocol, AmazonPhotosFileSystem, clobber=True)


class AmazonPhotosPath(UPath):
    """A path in a photo library. The account of ``ap://home@/…`` is its storage option ``remote``.

    Unlike other paths of universal_pathlib, ``rmdir`` takes empty folders only, ``unlink`` takes no folder, ``rename``
    and ``move`` are done on the service within an account, and ``replace`` exists. What is removed or replaced lies in
    the trash.
    """

    __slots__ = ()

    @classmethod
    def _transform_init_args(
        cls,
        args: tuple[JoinablePathLike, ...],
        protocol: str,
        storage_options: dict[str, Any],
    ) -> tuple[tuple[JoinablePathLike, ...], str, dict[str, Any]]:
        # One form for every spelling of a path: absolute, with its account among the options.
        if not args:
            args = ("/",)
        if isinstance(args[0], str):
            url = _slashed(args[0])
            named = AmazonPhotosFileSystem._get_kwargs_from_urls(url)  # noqa: SLF001 - fsspec's own interface
            if named and storage_options.setdefault("remote", named["remote"]) != named["remote"]:
                raise ValueError(f"{url!r} is on another account than {storage_options['remote']!r}")
            args = (AmazonPhotosFileSystem._strip_protocol(url), *args[1:])  # noqa: SLF001 - likewise
        return super()._transform_init_args(args, protocol, storage_options)

    def __str__(self) -> str:
        if self._relative_base is not None:
            return super().__str__()
        remote = self.storage_options.get("remote")
        account = "" if remote is None else remote.removesuffix(":") + "@"
        return f"{self.protocol}{_MARK}{account}{self.path}"

    def with_segments(self, *pathsegments: JoinablePathLike) -> Self:
        """Return a path of these segments; a URL among them may name no other account than this path's."""
        for each in pathsegments:
            if isinstance(each, str) and _MARK in each and not self._is_own(each):
                raise ValueError(f"{each!r} is on another account than {str(self)!r}: make a path of it by itself")
        return super().with_segments(*pathsegments)

    def copy(self, target: Any, **kwargs: Any) -> Any:
        """Copy this file, or this folder with all below it, to *target*: a URL or a path, here or elsewhere."""
        return super().copy(self._place(target), **kwargs)

    def move(self, target: Any, **kwargs: Any) -> Any:
        """Move to *target*: on the service within an account, else by copying and putting this in the trash."""
        place = self._place(target)
        if isinstance(place, type(self)) and place.storage_options == self.storage_options:
            return self.rename(place)
        return super().move(place, **kwargs)

    def _place(self, target: Any) -> Any:
        if isinstance(target, str) and _MARK in target:
            is_here = target.startswith(f"{self.protocol}{_MARK}") and self._is_own(target)
            return self.with_segments(target) if is_here else UPath(target)
        return target

    def _is_own(self, url: str) -> bool:
        named = AmazonPhotosFileSystem._get_kwargs_from_urls(url)  # noqa: SLF001 - fsspec's own interface
        return named.get("remote") in (None, self.storage_options.get("remote"))

    def glob(
        self, pattern: str, *, case_sensitive: bool | None = None, recurse_symlinks: bool = False
    ) -> Iterator[Self]:
        """Yield what matches *pattern* below here. This path's own name is no pattern, whatever brackets it has."""
        _refuse_options(case_sensitive=case_sensitive, recurse_symlinks=recurse_symlinks)
        for name in self.fs.glob(posixpath.join(glob.escape(self.path), pattern)):
            yield self.with_segments(name)

    def rglob(
        self, pattern: str, *, case_sensitive: bool | None = None, recurse_symlinks: bool = False
    ) -> Iterator[Self]:
        """Yield what matches *pattern* at any depth below here."""
        _refuse_options(case_sensitive=case_sensitive, recurse_symlinks=recurse_symlinks)
        return self.glob(f"**/{pattern}")

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - pathlib's signature
        """Put this file in the trash.

        Raises:
            FileNotFoundError: nothing is here, and *missing_ok* is false.
            IsADirectoryError: a folder is here.
        """
        try:
            self.fs.rm_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self, recursive: bool = False) -> None:  # noqa: FBT001, FBT002 - universal_pathlib's signature
        """Put this folder in the trash; one that holds anything needs *recursive*, as in ``pathlib`` and not in UPath.

        Raises:
            NotADirectoryError: a file is here.
            OSError: the folder is not empty, and *recursive* is false.
        """
        if recursive and self.is_dir():
            self.fs.rm(self.path, recursive=True)
        else:
            self.fs.rmdir(self.path)

    def rename(self, target: WritablePathLike, **options: Any) -> Self:
        """Move on the service to *target*, an absolute path or a URL of the same account, and return that path.

        A file that stands there goes to the trash.

        Raises:
            ValueError: *target* is a relative name, or of another account.
            IsADirectoryError: a folder stands there: name what is to lie in it.
        """
        path = self._target(target)
        if options:
            raise TypeError(f"rename takes no {', '.join(sorted(options))}: what moves, moves whole")
        if path == self:
            return path
        if path.is_dir() and fold(path.path) != fold(self.path):
            raise IsADirectoryError(str(path))
        self.fs.mv(self.path, path.path)
        return path

    def replace(self, target: WritablePathLike) -> Self:
        """Do what :meth:`rename` does: a file that stands at *target* is replaced, and lies in the trash."""
        return self.rename(target)

    def _target(self, target: WritablePathLike) -> Self:
        if isinstance(target, UPath):
            if not isinstance(target, type(self)) or target.storage_options != self.storage_options:
                raise ValueError(f"{str(target)!r} is elsewhere than {str(self)!r}: use move or copy")
            return target
        text = str(target)
        if _MARK not in text and not text.startswith("/"):
            raise ValueError(f"{text!r} is relative to nothing: use with_name or an absolute path")
        return self.with_segments(text)


def _slashed(url: str) -> str:
    # urllib's join, which joinuri uses, writes ap:/path for ap:///path.
    protocol, _, path = url.partition(":/")
    return f"{protocol}:///{path}" if protocol in AmazonPhotosFileSystem.protocol and path[:1] != "/" else url


def _refuse_options(*, case_sensitive: bool | None, recurse_symlinks: bool) -> None:
    if case_sensitive is False or recurse_symlinks:
        raise NotImplementedError("patterns are case-sensitive here, and there are no links to follow")
