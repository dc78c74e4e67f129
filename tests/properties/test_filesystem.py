"""The filesystem beside the plainest model there is: a dictionary of bytes and a set of folders.

Names are compared without regard to case, as the service does. What is refused changes nothing.
"""

from __future__ import annotations

import contextlib
import glob
import unicodedata

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import RemoteError
from ap_remote.fs import RemoteFileSystem

NAMES = (
    "a",
    "A",
    "b",
    "IMG[1].jpg",
    "IMG1.jpg",
    "[ab]",
    "set[!a]",
    "*",
    "a*",
    "?",
    "**",
    "{a,b}",
    " leading and trailing ",
    ".hidden",
    "...",
    "100% #1 & more",
    "\u00e9",
    unicodedata.normalize("NFD", "\u00e9"),
    "\U0001f4f7\u200d\u2764",
    "\u0130stanbul",
    "stra\u00dfe",
    "STRASSE",
    "trailing dot.",
    "CON",
    "back\\slash",
    "new\nline",
    "~",
    "n" * 256,
)
BAD = ("..", ".", "nul\0", "n" * 257, "half\ud800")
CONTENTS = (b"", b"one", b"two")

names = st.sampled_from(NAMES)
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
contents = st.sampled_from(CONTENTS)


class RefusedError(Exception):
    """The model would not do it either."""


class Model:
    """A tree, as paths; the key of each is its path without case."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.folders: dict[str, str] = {"/": "/"}

    def kind(self, path: str) -> str | None:
        key = path.casefold()
        return "file" if key in self.files else "directory" if key in self.folders else None

    def written(self, path: str) -> str:
        """Return a path with its folders as they are spelled in the tree."""
        parent, _, name = path.rpartition("/")
        above = self.folders[parent.casefold() or "/"]
        return f"{above.rstrip('/')}/{name}"

    def make(self, path: str) -> None:
        if path == "/":
            return
        if self.kind(path) == "file":
            raise RefusedError(path)
        if self.kind(path) is None:
            self.make(path.rpartition("/")[0] or "/")
            self.folders[path.casefold()] = self.written(path)

    def check_parents(self, path: str) -> None:
        parts = path.split("/")
        if any(self.kind("/".join(parts[:depth])) == "file" for depth in range(2, len(parts))):
            raise RefusedError(path)

    def store(self, path: str, data: bytes, *, create: bool = False) -> None:
        self.check_parents(path)
        if self.kind(path) == "directory" or (create and self.kind(path)):
            raise RefusedError(path)
        self.make(path.rpartition("/")[0] or "/")
        at = self.files[path.casefold()][0] if self.kind(path) else self.written(path)
        self.files[path.casefold()] = (at, data)

    def below(self, path: str) -> tuple[list[str], list[str]]:
        head = path.casefold().rstrip("/") + "/"
        return [each for each in self.files if each.startswith(head)], [
            each for each in self.folders if each.startswith(head) and each != "/"
        ]

    def remove(self, path: str, *, recursive: bool) -> None:
        files, folders = self.below(path)
        if self.kind(path) is None or path == "/" or ((files or folders) and not recursive):
            raise RefusedError(path)
        for each in [*files, path.casefold()]:
            self.files.pop(each, None)
        for each in [*folders, path.casefold()]:
            self.folders.pop(each, None)

    def move(self, source: str, target: str) -> None:
        if self.kind(source) is None or source == "/":
            raise RefusedError(source)
        if source == target:
            return
        old, new = source.casefold(), target.casefold()
        if self.kind(source) == "directory" and new.startswith(f"{old}/"):
            raise RefusedError(target)
        self.check_parents(target)
        if new != old and self.kind(target) and "directory" in (self.kind(source), self.kind(target)):
            self.make(target.rpartition("/")[0] or "/")
            raise RefusedError(target)
        self.make(target.rpartition("/")[0] or "/")
        to = self.written(target)
        if old in self.files:
            _, data = self.files.pop(old)
            self.files[new] = (to, data)
            return
        files, folders = self.below(source)
        at = self.folders.pop(old)
        moved = {key: self.files.pop(key) for key in files}
        inner = {key: self.folders.pop(key) for key in folders}
        self.folders[new] = to
        self.files |= {new + key[len(old) :]: (to + path[len(at) :], data) for key, (path, data) in moved.items()}
        self.folders |= {new + key[len(old) :]: to + path[len(at) :] for key, path in inner.items()}


class Filesystem(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        remote = MemoryRemote()
        self.fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
        self.model = Model()

    def teardown(self) -> None:
        self.fs.close()

    def both(self, ours, models) -> None:
        """Do it to both; either both do it or both refuse."""
        refused = None
        try:
            models()
        except RefusedError as exc:
            refused = exc
        try:
            ours()
        except (OSError, ValueError, RemoteError) as exc:
            if refused is None:
                raise AssertionError(exc) from exc
        else:
            assert refused is None

    @rule(path=paths, data=contents, create=st.booleans())
    def pipe(self, path: str, data: bytes, *, create: bool) -> None:
        mode = "create" if create else "overwrite"
        self.both(
            lambda: self.fs.pipe_file(path, data, mode=mode),
            lambda: self.model.store(path, data, create=create),
        )

    @rule(path=paths, data=contents, create=st.booleans())
    def write(self, path: str, data: bytes, *, create: bool) -> None:
        def write() -> None:
            with self.fs.open(path, "xb" if create else "wb") as file:
                file.write(data)

        self.both(write, lambda: self.model.store(path, data, create=create))

    @rule(path=paths, data=contents)
    def give_up_writing(self, path: str, data: bytes) -> None:
        with contextlib.suppress(OSError, ZeroDivisionError), self.fs.open(path, "wb") as file:
            file.write(data)
            raise ZeroDivisionError

    @rule(path=paths, bad=st.sampled_from(BAD), data=contents)
    def refuse(self, path: str, bad: str, data: bytes) -> None:
        for place in (f"{path}/{bad}", f"/{bad}{path}"):
            assert not self.fs.exists(place)
            for work in (
                lambda place=place: self.fs.pipe_file(place, data),
                lambda place=place: self.fs.open(place, "wb"),
                lambda place=place: self.fs.makedirs(place, exist_ok=True),
                lambda place=place: self.fs.mv([path], [place]),
                lambda place=place: self.fs.rm(place, recursive=True),
                lambda place=place: self.fs.cat_file(place),
            ):
                with pytest.raises((RemoteError, ValueError, OSError)):
                    work()

    @rule(path=paths)
    def makedirs(self, path: str) -> None:
        def make() -> None:
            self.model.check_parents(path)
            self.model.make(path)

        self.both(lambda: self.fs.makedirs(path, exist_ok=True), make)

    @rule(path=paths, recursive=st.booleans())
    def remove(self, path: str, *, recursive: bool) -> None:
        if self.model.kind(path) is None and glob.has_magic(path):
            return  # then it is a pattern
        self.both(
            lambda: self.fs.rm(path, recursive=recursive),
            lambda: self.model.remove(path, recursive=recursive),
        )

    @rule(source=paths, to=paths)
    def move(self, source: str, to: str) -> None:
        self.both(lambda: self.fs.mv([source], [to]), lambda: self.model.move(source, to))

    @rule(source=paths, to=paths)
    def copy(self, source: str, to: str) -> None:
        if self.model.kind(source) == "file" and source.casefold() != to.casefold():
            data = self.model.files[source.casefold()][1]
            self.both(lambda: self.fs.cp_file(source, to), lambda: self.model.store(to, data))

    @rule(path=paths)
    def look(self, path: str) -> None:
        kind = self.model.kind(path)
        assert (self.fs.exists(path), self.fs.isfile(path), self.fs.isdir(path)) == (
            kind is not None,
            kind == "file",
            kind == "directory",
        )
        if kind is not None:
            assert self.fs.info(path)["type"] == kind
            assert self.fs.expand_path(path) == [path]
        if kind == "file":
            data = self.model.files[path.casefold()][1]
            assert self.fs.cat(path) == data
            assert self.fs.du(path) == len(data)
        if kind == "directory":
            files, folders = self.model.below(path)
            assert {each.casefold() for each in self.fs.find(path, withdirs=True)} == {
                path.casefold(),
                *files,
                *folders,
            }
            assert self.fs.du(path) == sum(len(self.model.files[each][1]) for each in files)
            direct = {each for each in (*files, *folders) if each.count("/") == path.count("/") + 1}
            assert {each.casefold() for each in self.fs.ls(path, detail=False)} == direct
            assert {each.casefold() for each in self.fs.glob(f"{path}/*")} == direct

    @invariant()
    def everything_is_the_same(self) -> None:
        found = self.fs.find("/", withdirs=True, detail=True)
        assert {name for name, each in found.items() if each["type"] == "directory"} == set(self.model.folders.values())
        files = dict(self.model.files.values())
        assert {name: self.fs.cat_file(name) for name, each in found.items() if each["type"] == "file"} == files


Filesystem.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestFilesystem = Filesystem.TestCase
