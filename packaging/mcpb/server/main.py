"""Where a host that opens the bundle begins."""

from __future__ import annotations

import sys
from typing import Final

from ap_remote_mcp.server import main

FOLDERS: Final = "--folders"
_UNSET: Final = "${user_config."


def arguments(given: list[str]) -> list[str]:
    """Return the server's arguments for those of the manifest.

    A host puts as many words in the place of a list as it has entries, so the folders stand at the end, after one word
    of their own. What a person left out arrives as an empty word, or as the name of the variable.
    """
    filled = ["" if each.startswith(_UNSET) else each for each in given]
    at = filled.index(FOLDERS) if FOLDERS in filled else len(filled)
    return filled[:at] + [f"--root={folder}" for folder in filled[at + 1 :] if folder]


if __name__ == "__main__":
    sys.exit(main(arguments(sys.argv[1:])))
