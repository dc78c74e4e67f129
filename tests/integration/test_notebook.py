"""The notebook client against the local service, inside a running loop, as a kernel runs its cells."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path

import pytest

from tests.contracts.pictures import SPRING_2023, jpeg
from tests.lazily import Lazily

pd = Lazily("pandas")

CELLS = (
    "from ap_remote import AmazonPhotos",
    "ap = AmazonPhotos(remote='local:', db_path='ap.parquet', dtype_backend='pyarrow')",
    "report = ap.upload('trip')",
    "import pandas as pd\nkept = pd.read_parquet('ap.parquet') if ap.db is not None else None",
    "nodes = ap.query()\nids = nodes.id[:2]",
    "await asyncio.sleep(0)\nalbum = ap.create_album('Rome', ids)",
    "media = await asyncio.to_thread(ap.download, nodes[nodes['image.width'] > 0].id)",
    "grid = ap.show(nodes)",
    "ap.trash(ids)\nleft = ap.photos()",
    "nodes.to_parquet('mine.parquet')",
    "await asyncio.gather(*(asyncio.to_thread(ap.usage) for _ in range(4)))\nap.print_tree(show_id=False)",
)


async def run_cell(source: str, names: dict) -> None:
    """Run a cell as IPython does: compiled with top-level await, and awaited where it needs it."""
    code = compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)
    if inspect.isawaitable(result):
        await result


async def test_cells_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trip").mkdir()
    for number in range(3):
        (tmp_path / "trip" / f"{number}.jpg").write_bytes(jpeg(color=(number * 80, 10, 10), taken=SPRING_2023))
    names = {"asyncio": asyncio}
    for cell in CELLS:
        await run_cell(cell, names)
    assert len(names["kept"]) == len(names["nodes"]) == 3
    assert names["album"]["name"] == "Rome"
    assert len([*(tmp_path / "media").iterdir()]) == 3
    assert len(names["left"]) == 1
    assert names["grid"]._repr_html_().count("data:image/") == 3
    assert list(pd.read_parquet("mine.parquet", dtype_backend="pyarrow")["md5"]) == list(names["nodes"].md5)
    assert "trip" in capsys.readouterr().out
