"""``UPath("ap://…")`` by universal_pathlib's entry point: what pathlib does, and where it is safer than others."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath
from upath.registry import available_implementations

from ap_remote.errors import FolderNotEmptyError
from ap_remote.upath import AmazonPhotosPath


@pytest.fixture
def tree(library):
    """A folder with two files at two depths, one of them in brackets."""
    if library.exists("/tree"):
        library.rm("/tree", recursive=True)
    library.pipe({"/tree/a.txt": b"a", "/tree/deep [1]/b.txt": b"bb"})
    return UPath("ap://tree")


# Names


@pytest.mark.parametrize("protocol", ["ap", "amazonphotos"])
def test_both_protocols_are_registered_and_nothing_warns(protocol):
    code = f"from upath import UPath; path = UPath('{protocol}://Pictures/a.jpg'); print(type(path).__name__, path)"
    answer = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert answer.stdout == f"AmazonPhotosPath {protocol}:///Pictures/a.jpg\n", answer.stderr
    assert protocol in available_implementations()


@pytest.mark.parametrize(
    ("url", "remote", "path", "text"),
    [
        ("ap://Pictures/a.jpg", None, "/Pictures/a.jpg", "ap:///Pictures/a.jpg"),
        ("ap:///Pictures/a.jpg", None, "/Pictures/a.jpg", "ap:///Pictures/a.jpg"),
        ("ap://home@/Pictures/", "home:", "/Pictures", "ap://home@/Pictures"),
        ("ap://home@", "home:", "/", "ap://home@/"),
        ("ap://", None, "/", "ap:///"),
        ("ap://b ü #1? 100%.jpg", None, "/b ü #1? 100%.jpg", "ap:///b ü #1? 100%.jpg"),
        ("ap:///odd@/a.jpg", None, "/odd@/a.jpg", "ap:///odd@/a.jpg"),
    ],
)
def test_a_url_is_a_path_and_an_account(url, remote, path, text):
    upath = UPath(url)

    assert (upath.path, upath.storage_options.get("remote"), str(upath)) == (path, remote, text)
    assert upath.as_uri() == text
    assert UPath(text) == upath
    assert hash(UPath(text)) == hash(upath)
    assert pickle.loads(pickle.dumps(upath)) == upath
    assert upath.fs.remote == remote


def test_parts_parents_and_joined_names():
    path = UPath("ap://home@/Pictures/2023/a.tar.gz")

    assert path.parts == ("/", "Pictures", "2023", "a.tar.gz")
    assert (path.name, path.stem, path.suffix, path.suffixes) == ("a.tar.gz", "a.tar", ".gz", [".tar", ".gz"])
    assert [str(each) for each in path.parents] == ["ap://home@/Pictures/2023", "ap://home@/Pictures", "ap://home@/"]
    assert path.parent / "b.txt" == UPath("ap://home@/Pictures/2023/b.txt")
    assert path.parent.joinpath("x", "y") == UPath("ap://Pictures/2023/x/y", remote="home:")
    assert path.with_suffix(".zip").name == "a.tar.zip"
    assert path.with_name("c.txt") == UPath("ap://home@/Pictures/2023/c.txt")
    assert str(path.relative_to(path.parent.parent)) == "2023/a.tar.gz"
    assert path.is_relative_to(UPath("ap://home@/Pictures"))
    assert UPath("ap://Pictures/a.txt").joinuri("b.txt") == UPath("ap://Pictures/b.txt")
    assert AmazonPhotosPath() == UPath("ap:///")


def test_two_accounts_never_mix():
    path = UPath("ap://home@/a.txt")

    with pytest.raises(ValueError, match="on another account"):
        UPath("ap://home@/a.txt", remote="work:")
    with pytest.raises(ValueError, match="on another account"):
        path.with_segments("ap://work@/b.txt")
    with pytest.raises(ValueError, match="on another account"):
        path.rename("ap://work@/b.txt")
    with pytest.raises(ValueError, match="use move or copy"):
        path.rename(UPath("ap://work@/b.txt"))


# Reading and writing


def test_files_are_written_read_and_described(tree, library):
    path = tree / "new.txt"
    assert path.write_text("ü\n", encoding="utf-8") == 2
    with path.open(encoding="utf-8") as file:
        assert file.read() == "ü\n"
    assert path.read_bytes() == "ü\n".encode()

    stat = path.stat()
    info = library.info("/tree/new.txt")
    assert (stat.st_size, stat.st_mtime, stat.st_birthtime) == (
        3,
        info["mtime"].timestamp(),
        info["created"].timestamp(),
    )
    assert stat.as_info()["md5"] == info["md5"]
    assert (path.exists(), path.is_file(), path.is_dir()) == (True, True, False)
    with pytest.raises(FileNotFoundError):
        (tree / "none").read_bytes()


def test_a_block_that_fails_writes_nothing(tree):
    def write():
        with (tree / "half.txt").open("wb") as file:
            file.write(b"half")
            raise KeyError("half way")

    with pytest.raises(KeyError):
        write()
    assert not (tree / "half.txt").exists()


def test_listings_and_patterns_take_the_path_itself_literally(tree):
    assert sorted(each.name for each in tree.iterdir()) == ["a.txt", "deep [1]"]
    assert [str(each) for each in tree.glob("*.txt")] == ["ap:///tree/a.txt"]
    assert sorted(each.name for each in tree.rglob("*.txt")) == ["a.txt", "b.txt"]
    assert list((tree / "deep [1]").glob("*")) == [tree / "deep [1]" / "b.txt"]
    assert {each.name for each in UPath("ap:///").iterdir()} >= {"tree"}
    with pytest.raises(NotADirectoryError):
        list((tree / "a.txt").iterdir())
    with pytest.raises(NotImplementedError, match="case-sensitive"):
        list(tree.rglob("*", case_sensitive=False))


def test_folders_are_made_as_pathlib_makes_them(tree):
    (tree / "one").mkdir()
    (tree / "x" / "y").mkdir(parents=True)
    (tree / "x" / "y").mkdir(parents=True, exist_ok=True)

    assert (tree / "x" / "y").is_dir()
    with pytest.raises(FileExistsError):
        (tree / "one").mkdir()
    with pytest.raises(FileNotFoundError):
        (tree / "no" / "parent").mkdir()
    (tree / "touched").touch()
    (tree / "touched").touch()
    with pytest.raises(FileExistsError):
        (tree / "touched").touch(exist_ok=False)


# Moving and removing


def test_rename_replace_and_move_keep_the_id(tree, library):
    before = library.info("/tree/a.txt")["id"]
    renamed = (tree / "a.txt").rename("ap://tree/c.txt")
    moved = renamed.move("ap://tree/deep [1]/d.txt")
    into = moved.move_into(tree)
    replaced = into.replace(tree / "deep [1]" / "b.txt")

    assert replaced == tree / "deep [1]" / "b.txt"
    assert replaced.read_bytes() == b"a"
    assert library.info(replaced.path)["id"] == before
    assert library.find("/tree") == ["/tree/deep [1]/b.txt"]
    folder = (tree / "deep [1]").rename("/tree/Deep [1]")
    assert [each.name for each in tree.iterdir()] == [folder.name] == ["Deep [1]"]


def test_rename_refuses_relative_names_and_folders_that_stand_there(tree):
    with pytest.raises(ValueError, match="relative to nothing"):
        (tree / "a.txt").rename("c.txt")
    with pytest.raises(IsADirectoryError):
        (tree / "a.txt").rename(tree / "deep [1]")
    assert (tree / "a.txt").exists()


def test_copies_go_here_and_there(tree, tmp_path):
    (tree / "a.txt").copy("ap://tree/c.txt")
    tree.copy(tmp_path / "out")
    UPath(tmp_path / "out").copy(tree / "back")
    (tree / "a.txt").move(UPath("ap://memory@/a.txt"))

    assert (tmp_path / "out" / "deep [1]" / "b.txt").read_bytes() == b"bb"
    assert (tree / "back" / "c.txt").read_bytes() == b"a"
    assert UPath("ap://memory@/a.txt").read_bytes() == b"a"
    assert not (tree / "a.txt").exists()


def test_unlink_and_rmdir_put_in_the_trash_only_what_they_should(tree):
    with pytest.raises(IsADirectoryError):
        (tree / "deep [1]").unlink()
    with pytest.raises(FolderNotEmptyError):
        tree.rmdir()
    with pytest.raises(NotADirectoryError):
        (tree / "a.txt").rmdir()
    with pytest.raises(FileNotFoundError):
        (tree / "none").unlink()
    (tree / "none").unlink(missing_ok=True)
    (tree / "a.txt").unlink()
    (tree / "deep [1]" / "b.txt").unlink()
    (tree / "deep [1]").rmdir()

    assert list(tree.iterdir()) == []
    (tree / "x.txt").write_bytes(b"x")
    tree.rmdir(recursive=True)
    assert not tree.exists()


def test_other_libraries_take_such_a_path(tree):
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_csv(str(tree / "frame.csv"), index=False)
    with (tree / "frame.csv").open("rb") as file:
        assert pd.read_csv(file)["a"].tolist() == [1]
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not AmazonPhotosPath"):
        Path(tree)
