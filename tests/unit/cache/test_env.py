from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import lmdb
import pytest

from ap_remote.cache import NodeCache, env, migrations
from ap_remote.errors import CorruptStoreError, NewerStoreError, StoreError
from ap_remote.model import Entry, Kind

ROOT = Path(__file__).parents[3]


def file(number: int, **fields) -> Entry:
    name = f"{number:05d}.jpg"
    return Entry(path=name, name=name, id=f"f{number}", kind=Kind.FILE, version=1, parents=("root",), **fields)


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that has the package on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_the_folder_and_its_files_are_for_the_owner_alone(cache: NodeCache, folder: Path):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "data.mdb").stat().st_mode) == 0o600


def test_the_map_grows_by_itself(folder: Path):
    cache = NodeCache(folder, map_size=1 << 20)
    cache.put([file(number, description="x" * 400) for number in range(5000)])
    assert cache.count() == 5000
    assert (folder / "data.mdb").stat().st_size > 1 << 20
    cache.close()


def test_a_map_that_another_process_made_grow_is_followed(folder: Path):
    cache = NodeCache(folder, map_size=1 << 20)
    cache.put([file(0)])
    writer = run(
        "import sys; from pathlib import Path; from ap_remote.cache import NodeCache; from ap_remote.model import *\n"
        "c = NodeCache(Path(sys.argv[1]), map_size=1 << 20)\n"
        "c.put([Entry(path='', name=f'{i}', id=f'o{i}', kind=Kind.FILE, description='y' * 500) for i in range(6000)])",
        folder,
    )
    assert writer.communicate()[1] == ""
    assert cache.count() == 6001
    cache.put([file(1)])
    assert cache.count() == 6002
    cache.close()


def test_two_caches_of_one_process_share_a_folder(folder: Path):
    one, other = NodeCache(folder), NodeCache(folder)
    one.put([file(1)])
    assert other.get("f1") is not None
    one.close()
    one.close()
    other.put([file(2)])
    other.close()
    assert NodeCache(folder).count() == 2


def test_a_closed_cache_opens_again_when_it_is_used(cache: NodeCache):
    cache.put([file(1)])
    cache.close()
    assert cache.get("f1") is not None


def test_a_forked_child_has_an_environment_of_its_own(cache: NodeCache):
    cache.put([file(1)])
    pid = os.fork()
    if pid == 0:
        try:
            assert cache.get("f1") is not None
            cache.put([file(2)])
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not return into pytest
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert cache.get("f2") is not None
    cache.put([file(3)])
    assert cache.count() == 4


def test_threads_read_while_one_of_them_writes_and_the_map_grows(folder: Path):
    cache = NodeCache(folder, map_size=1 << 20)
    cache.put([file(0)])
    problems: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                assert cache.get("f0") is not None
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            problems.append(exc)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 4000, 500):
        cache.put([file(number, description="x" * 500) for number in range(start, start + 500)])
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    cache.close()


def test_readers_that_died_are_cleaned_away_by_whoever_opens_next(folder: Path):
    store = env.Store(folder, ("nodes",))
    readers = store._open().env.readers
    reader = run(
        "import sys, os; from pathlib import Path; from ap_remote.cache import env\n"
        "s = env.Store(Path(sys.argv[1]), ('nodes',)); h = s._open(); t = h.env.begin(); t.get(b'x')\n"
        "os.kill(os.getpid(), 9)",
        folder,
    )
    reader.communicate()
    assert reader.returncode == -signal.SIGKILL
    assert str(reader.pid) in readers()
    opener = run(
        "import sys; from pathlib import Path; from ap_remote.cache import env\n"
        "env.Store(Path(sys.argv[1]), ('nodes',))._open()",
        folder,
    )
    assert opener.communicate()[1] == ""
    assert str(reader.pid) not in readers()
    store.close()


def test_a_newer_schema_is_refused_and_left_as_it_is(cache: NodeCache, folder: Path):
    cache.put([file(1)])
    cache.close()
    with lmdb.open(str(folder), max_dbs=16) as raw, raw.begin(write=True) as txn:
        txn.put(migrations.SCHEMA, b"99")
    before = (folder / "data.mdb").read_bytes()
    with pytest.raises(NewerStoreError) as caught:
        cache.get("f1")
    assert (caught.value.found, caught.value.known) == (99, migrations.KNOWN)
    with pytest.raises(NewerStoreError):
        cache.put([file(2)])
    assert (folder / "data.mdb").read_bytes() == before


@pytest.mark.parametrize("damage", ["garbage", "short", "cut"])
def test_a_damaged_file_is_said_to_be_removable(cache: NodeCache, folder: Path, damage: str):
    cache.put([file(number) for number in range(2000)])
    cache.close()
    data = folder / "data.mdb"
    whole = data.read_bytes()
    data.write_bytes({"garbage": b"garbage" * 9999, "short": whole[:100], "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(CorruptStoreError, match="may be removed"):
        cache.get("f1")
    data.unlink()
    cache.put([file(1)])
    assert cache.count() == 1


def test_somebody_elses_lmdb_store_is_not_touched(folder: Path):
    folder.mkdir()
    with lmdb.open(str(folder)) as raw, raw.begin(write=True) as txn:
        txn.put(b"a", b"1")
    with pytest.raises(CorruptStoreError, match="something else"):
        NodeCache(folder).count()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="cannot be opened"):
        NodeCache(tmp_path / "taken" / "cache").count()


def test_a_full_disk_is_said_and_nothing_is_half_written(folder: Path):
    cache = NodeCache(folder)
    cache.put([file(1)])
    cache.close()
    writer = run(
        "import sys, signal, resource; from pathlib import Path\n"
        "from ap_remote.cache import NodeCache; from ap_remote.model import *\n"
        "from ap_remote.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "c = NodeCache(Path(sys.argv[1])); c.count()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n"
        "    c.put([Entry(path='', name=f'{i}', id=f'{i}', kind=Kind.FILE, md5='y' * 400) for i in range(3000)])\n"
        "except StoreError as exc:\n"
        "    print(type(exc).__name__, exc)\n"
        "print(c.count())",
        folder,
    )
    out, err = writer.communicate()
    assert err == ""
    said, count = out.splitlines()
    assert "nothing was written" in said
    assert count == "1"
    assert [each.id for each in cache.children("root")] == ["f1"]


WRITER = """
import sys
from pathlib import Path
from ap_remote.cache import NodeCache
from ap_remote.model import Entry, Kind
cache = NodeCache(Path(sys.argv[1]), map_size=1 << 20)
for number in range(int(sys.argv[2]), 10**9):
    pair = [Entry(path="", name=f"{side}{number}", id=f"{side}{number}", kind=Kind.FILE, version=1, parents=("root",),
                  md5=f"{number:032x}") for side in "ab"]
    cache.put(pair)
    cache.remove([f"a{number - 5}", f"b{number - 5}"])
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_what_it_had_finished(folder: Path):
    start = 0
    for _ in range(3):
        writer = run(WRITER, folder, start)
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.kill()
        rest = writer.stdout.read().split()
        writer.communicate()
        last = max([last, *map(int, rest)])
        cache = NodeCache(folder)
        numbers = sorted(int(each[1:]) for each in cache.ids() if each[0] == "a")
        pairs = {side + str(number) for number in numbers for side in "ab"}
        assert set(cache.ids()) == pairs
        assert {each.id for each in cache.children("root")} == pairs
        assert all(len(cache.by_md5(f"{number:032x}")) == 2 for number in numbers)
        # What was answered is there; at most the pair after it, and its removal, happened beside.
        assert {last - 1, last} <= set(numbers)
        assert numbers[-1] <= last + 1
        cache.close()
        start = numbers[-1] + 1


def test_two_processes_write_at_once_and_nothing_is_lost(folder: Path):
    code = (
        "import sys; from pathlib import Path; from ap_remote.cache import NodeCache; from ap_remote.model import *\n"
        "c = NodeCache(Path(sys.argv[1]), map_size=1 << 20)\n"
        "for i in range(60):\n"
        "    c.put([Entry(path='', name=f'{sys.argv[2]}{i}', id=f'{sys.argv[2]}{i}', kind=Kind.FILE)])\n"
    )
    writers = [run(code, folder, side) for side in "ab"]
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    cache = NodeCache(folder)
    assert cache.count() == 120
    cache.close()
