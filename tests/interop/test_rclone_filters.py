"""Filters as rclone 1.65.2 understands them: the same options over the same tree take the same files.

One rclone answers all questions through its remote control, which takes the options by other names. On a disk it shows
control characters as pictures of them, which are turned back here.
"""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import httpx
import pytest
import typer
from typer.testing import CliRunner

from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.options import with_options
from ap_remote.errors import ConfigError
from ap_remote.transfer.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = (
    "file.jpg",
    "file.JPG",
    "File.jpeg",
    "file.png",
    "file.012",
    "file.???",
    "file.a",
    "file.0",
    "afile.jpg",
    ".hidden",
    ".hidden dir/.more/x.jpg",
    "a/2.jpg",
    "a/b/3.jpg",
    "a/b/c/4.jpg",
    "x/a/1.jpg",
    "x/a/b/3.png",
    "a*b.txt",
    "a\\b.txt",
    "a.b.txt",
    "axb.txt",
    "[JP] one.jpg",
    "[KR] two.jpg",
    "(JP) three.jpg",
    "{a,b}.txt",
    "a,b.txt",
    "plus+.jpg",
    "money$.jpg",
    "caret^.jpg",
    "pipe|.jpg",
    "-dash.jpg",
    "#hash.jpg",
    ";semi.jpg",
    "!bang.jpg",
    " lead and trail ",
    "two  blanks.jpg",
    "new\nline.jpg",
    "ümlaut.jpg",
    "ÜMLAUT.JPG",
    "日本/写真.jpg",
    "\u017ftrange \u212a.jpg",  # a long s and the sign of Kelvin, which fold to s and k
    "été 2023/Été.jpg",
    "2023/01/IMG_0001.JPG",
    "2023/01/IMG_0002.jpg",
    "2023/02/IMG_0003.heic",
    "2024/02/IMG_0004.heic",
    "2024/02/start and end.jpg",
    "2024/start/end.jpg",
    "raw/one.nef",
    "deep/raw/two.nef",
    "dir",
    "potato/sausage/dir/any",
    "file/dir/sub/subsub/any.txt",
    "٣.txt",
)

TABLE = (
    "",
    "--include *.jpg",
    "--include *.{jpg,png}",
    "--include /*.jpg",
    "--include file.jpg",
    "--include /file.jpg",
    "--include a/*.jpg",
    "--include /a/*.jpg",
    "--include a/**",
    "--include /a/**",
    "--include dir/**",
    "--include */*/*.jpg",
    "--include /*/*.jpg",
    "--include {a,x}/**",
    "--include {a/b,2023}/**",
    "--include /2023/**/*.jpg",
    "--include **/raw/**",
    "--include r**w/*",
    "--include **.heic",
    "--include file.???",
    r"--include file.\?\?\?",
    r"--include file.\d\d\d",
    r"--include *.\D*",
    "--include file.[a-z]",
    "--include file.[^a-z]",
    "--include file.[!a-z]",
    "--include [[:punct:]]*",
    "--include ??[^[:punct:]]*",
    "--include [[:^alnum:]]*",
    r"--include [\d]*",
    r"--include [\D]*.txt",
    r"--include [\w]*",
    r"--include \W*",
    "--include *[[:blank:]]*",
    r"--exclude *\[{JP,KR}\]*",
    r"--include a\*b.txt",
    r"--include a\\b.txt",
    r"--include \{a\,b\}.txt",
    "--include a.b.txt",
    "--include a,b.txt",
    "--include plus+.jpg",
    "--include money$.jpg",
    "--include caret^.jpg",
    "--include pipe|.jpg",
    "--include *.{{jpe?g}}",
    "--include *.{{(?i)jpe?g|png}}",
    r"--include /{{.*\.jpe?g}}",
    r"--include {{start[^/]*end\.jpg}}",
    r"--include {{start.*end\.jpg}}",
    r"--include {{[a-c]\.\d{3}|f(?:ile)\.\d{3}}}",
    r"--include {{\d.*}}",
    r"--include {{\w+\.jpg}}",
    r"--include {{.+\bblanks\b.+}}",
    r"--include {{(?i:FILE)\..+}}",
    r"--include {{(?s).*}}",
    r"--include {{(a)(?P<name>x)b\.txt}}",
    r"--include {{\x61.\x{62}\.txt}}",
    r"--include {{\Qa.b\E.*}}",
    r"--include {{[\x{0663}-\x{0669}].*}}",
    "--include *.jpg --ignore-case",
    "--include ümlaut.jpg --ignore-case",
    "--include [a-k]* --ignore-case",
    "--include STRANGE* --ignore-case",
    "--exclude *.jpg",
    "--exclude a",
    "--exclude a/",
    "--exclude /a/",
    "--exclude a/*",
    "--exclude /a/**",
    "--exclude **/b/**",
    "--exclude {{.*}}x",
    "--exclude raw/ --exclude *.jpg",
    "--include a/** --exclude a/b/**",
    "--exclude a/b/** --include a/**",
    "--filter -_*.png --filter +_*.jpg --filter -_**",
    "--filter +_a/2.jpg --filter -_a/** --filter +_*.jpg --filter -_*",
    "--filter +_2023/** --filter -_*",
    "--filter +_/2023/02/ --filter +_*.heic --filter -_**",
    "--filter -_/2023/ --filter -_/a/ --filter +_*.jpg --filter -_**",
    "--filter -_/** --filter !  --filter -_*.jpg",
    "--filter -_* --include *.png",
    "--filter +_a/ --filter -_*.jpg",
    "--filter-from rules",
    "--include-from patterns",
    "--exclude-from patterns",
    "--include-from patterns --exclude-from patterns --filter -_*.nef",
    "--files-from files",
    "--min-size 1",
    "--min-size 1k --max-size 2k",
    "--min-size 1.5Ki",
    "--max-size 10B",
    "--max-size 0.01M",
    "--max-age 2d",
    "--min-age 36h",
    "--min-age 1w --max-age 1M",
    "--max-age 1h30m",
    "--max-age 86400",
    "--min-age 1y",
    "--min-age 2020-06-01",
    "--max-age 2020-06-01T12:00:00Z",
    "--min-age 2020-06-01T12:00:00",
    "--include *.jpg --min-size 1k --max-age 10d",
)
"""Options, with blanks between words; ``_`` stands for a blank within one."""

REFUSED_BY_BOTH = (
    "--include ***",
    "--include ab]c",
    "--include ab[c",
    "--include ab}c",
    "--include ab{c",
    "--include ab{{cd",
    "--include [a--b]",
    r"--include \q",
    r"--include {{a(?=b)}}",
    r"--include {{(?!b)}}",
    r"--include {{a**}}",
    r"--include {{a*+}}",
    r"--include {{(a}}",
    r"--include {{a)}}",
    r"--include {{*a}}",
    r"--include {{(a)\1}}",
    r"--include {{\Z}}",
    "--include [[:nothing:]]",
    "--include []",
    "--filter *.jpg",
    "--filter +*.jpg",
    "--filter-from nowhere",
    "--files-from files --include a",
    "--files-from files --min-size 1",
    "--min-age 2d --max-age 1d",
    "--min-size 10MB",
    "--min-size -1",
    "--min-size x",
    "--max-age soon",
    "--max-age 1d12h",
    "--max-age 2020-13-01",
)

NOTHING = (
    "--exclude *",
    "--include a/",
    "--filter -_**",
    "--filter +_a/ --filter -_**",
    "--include a --filter !",
    "--min-size 2k --max-size 1k",
    "--include-from empty",
    "--files-from empty",
)
"""What rclone takes nothing with, silently; we say so."""

OK = 200
PICTURES = {0x2400 + code: code for code in range(0x20)}
NAMED = {
    "--include": "IncludeRule",
    "--include-from": "IncludeFrom",
    "--exclude": "ExcludeRule",
    "--exclude-from": "ExcludeFrom",
    "--filter": "FilterRule",
    "--filter-from": "FilterFrom",
    "--files-from": "FilesFrom",
    "--min-size": "MinSize",
    "--max-size": "MaxSize",
    "--min-age": "MinAge",
    "--max-age": "MaxAge",
    "--ignore-case": "IgnoreCase",
}

RULES = """
# remarks
; of both kinds
- secret*
+ *.jpg
!
- /a/b/**
  + *.jpg
+ /2023/**
- *
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of many names, sizes and ages."""
    folder = tmp_path_factory.mktemp("filters") / "tree"
    now = datetime.now(UTC)
    ages = (timedelta(minutes=5), timedelta(hours=30), timedelta(days=8), timedelta(days=40), timedelta(days=4000))
    for number, name in enumerate(NAMES):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * (number * 61))
        moment = (now - ages[number % len(ages)]).timestamp()
        os.utime(file, (moment, moment))
    beside = folder.parent
    (beside / "rules").write_text(RULES)
    (beside / "patterns").write_text("# some\n*.jpg\r\n /a/**\n\n;more\nraw/\n")
    (beside / "files").write_text("# these\n/file.jpg\n a/b/3.jpg \n\nnot there.jpg\n2023/01/\na\\b.txt\n")
    (beside / "empty").write_text("# nothing\n\n")
    return folder


@pytest.fixture(scope="module")
def rclone(stranger: Callable[[str], str], tree: Path) -> Iterator[Callable[[str], tuple[int, list[str]]]]:
    """Return what gives the status of rclone's answer and the files it lists."""
    command = [stranger("rclone"), "--config", os.devnull, "rcd", "--rc-no-auth", "--rc-addr", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=tree.parent, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        drain = Thread(target=process.stderr.read)
        drain.start()

        def listed(options: str) -> tuple[int, list[str]]:
            wanted = {"recurse": True, "filesOnly": True, "noModTime": True, "noMimeType": True}
            question = {"fs": str(tree), "remote": "", "opt": wanted, "_filter": named(options)}
            answer = client.post(f"{url}operations/list", json=question)
            rows = answer.json().get("list") or []
            return answer.status_code, sorted(row["Path"].translate(PICTURES) for row in rows)

        with httpx.Client(timeout=60, trust_env=False) as client:
            yield listed
        process.terminate()
        drain.join()


def named(options: str) -> dict[str, str | bool | list[str]]:
    """Return options as rclone's remote control takes them."""
    filters: dict[str, str | bool | list[str]] = {}
    texts = iter(words(options))
    for option in texts:
        name = NAMED[option]
        if name == "IgnoreCase":
            filters[name] = True
        elif name.startswith(("Min", "Max")):
            filters[name] = next(texts)
        else:
            filters[name] = [*filters.get(name, ()), next(texts)]
    return filters


def words(options: str) -> list[str]:
    """Return the options as a shell would hand them over."""
    return [word.replace("_", " ") for word in options.split()]


def ours(options: str, tree: Path) -> list[str]:
    """Return the files that our filters take, by a walk that enters only what they enter."""
    filters = read(options, tree)
    taken = []
    for folder, folders, files in os.walk(tree):
        base = Path(folder).relative_to(tree)
        folders[:] = [each for each in folders if filters.enters((base / each).as_posix())]
        for file in files:
            path = (base / file).as_posix()
            seen = (tree / path).stat()
            if filters.takes(path, size=seen.st_size, modified=datetime.fromtimestamp(seen.st_mtime, UTC)):
                taken.append(path)
    return sorted(taken)


def read(options: str, tree: Path) -> Filters:
    """Return the filters of a command line, through the options of our commands."""
    kept: list[Filters] = []

    @with_options
    def command(*, filtering: FilterOptions) -> None:
        kept.append(filtering.filters())

    app = typer.Typer()
    app.command()(command)
    arguments = [
        str(tree.parent / word) if word in {"rules", "patterns", "files", "empty"} else word for word in words(options)
    ]
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return kept[0]


def test_the_same_filters_take_the_same_files(rclone, tree) -> None:
    theirs = [rclone(options) for options in TABLE]
    wrong = [
        f"{options}: rclone {code} {sorted(set(expected) - set(taken))}, we {sorted(set(taken) - set(expected))}"
        for options, (code, expected) in zip(TABLE, theirs, strict=True)
        if code != OK or (taken := ours(options, tree)) != expected
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(0 < len(expected) < len(NAMES) for _, expected in theirs) > len(TABLE) * 0.9


def test_the_command_lists_what_its_remote_control_does(stranger, rclone, tree) -> None:
    options = "--filter -_*.png --filter +_*.jpg --filter -_**"
    command = [stranger("rclone"), "--config", os.devnull, "lsf", "-R", "--files-only", *words(options), str(tree)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    assert sorted(done.stdout.translate(PICTURES).encode().split(b"\n")) == sorted(
        "\n".join([*rclone(options)[1], ""]).encode().split(b"\n")
    )


def test_what_rclone_refuses_is_refused(stranger, tree) -> None:
    command = [stranger("rclone"), "--config", os.devnull, "lsf"]
    accepted = []
    for options in REFUSED_BY_BOTH:
        if not subprocess.run(
            [*command, *words(options), str(tree)], cwd=tree.parent, capture_output=True, check=False
        ).returncode:
            accepted.append(options)
        try:
            read(options, tree)
        except (ConfigError, FileNotFoundError):
            continue
        accepted.append(f"{options} (by us)")
    assert not accepted


@pytest.mark.parametrize("options", NOTHING)
def test_where_rclone_silently_takes_nothing_we_say_so(rclone, tree, options: str) -> None:
    assert rclone(options) == (OK, [])
    with pytest.raises(ConfigError):
        read(options, tree)
