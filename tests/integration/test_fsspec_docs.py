"""The code of docs/fsspec.md runs, block after block, in an empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fsspec.md"


def test_the_documented_lines_run(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    environment = {**os.environ, "AP_HOME": str(tmp_path / "home")}
    environment.pop("AP_REMOTE", None)
    environment.pop("AP_CONFIG", None)

    assert len(blocks) == 12
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
