"""Zip the bundle for hosts that open .mcpb files: ``python packaging/bundle.py WHEEL TARGET``.

An archive of files alone: the unpacker that hosts use (``@anthropic-ai/mcpb`` 2.1.2) fails at an entry that is a
folder, which ``shutil.make_archive`` writes. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "mcpb"
FILES: Final = ("manifest.json", "pyproject.toml", "server/main.py")
"""What goes in beside the wheel, and nothing else that may lie there."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644


def pack(wheel: Path, target: Path) -> None:
    """Write the bundle with *wheel* in it to *target*, over what is there."""
    files = {name: SOURCE / name for name in FILES} | {f"wheels/{wheel.name}": wheel}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE << 16
            archive.writestr(entry, file.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args(arguments)
    pack(chosen.wheel, chosen.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
