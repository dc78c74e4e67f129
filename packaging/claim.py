"""Write the name under which the MCP registry shall know the server: ``packaging/claim.py io.github.YOU/ap-remote``.

The registry grants a name to whoever proves to hold its first part: ``io.github.NAME`` by a login at GitHub, a domain
turned round (``org.example``) by a DNS record or a file. It then looks for the same name in the README of the package
that was uploaded. Until somebody who holds one releases this, the name is one that nobody can hold: example.com is
reserved (RFC 2606).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PLACEHOLDER: Final = "com.example/ap-remote"
NAME: Final = re.compile(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+/[a-zA-Z0-9._-]+")
"""The registry's own pattern, less namespaces of one part, which no login grants."""
MARK: Final = re.compile(r"(<!-- mcp-name: )(\S+)( -->)")
LONGEST: Final = 200


def claim(name: str, root: Path = ROOT) -> None:
    """Write *name* into ``server.json`` and the README below *root*.

    Raises:
        ValueError: the registry takes no such name, or the README has no mark, or several.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST or name.startswith("com.example/"):
        raise ValueError(f"{name!r} is no name that the registry grants: io.github.YOU/ap-remote, or a domain of yours")
    readme, registry = root / "README.md", root / "server.json"
    text, found = MARK.subn(rf"\g<1>{name}\g<3>", readme.read_text("utf-8"))
    if found != 1:
        raise ValueError(f"README.md has {found} marks of the form <!-- mcp-name: NAME -->, and takes one")
    told = json.loads(registry.read_text("utf-8")) | {"name": name}
    registry.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    readme.write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    chosen = parser.parse_args(arguments)
    try:
        claim(chosen.name)
    except ValueError as exc:
        parser.error(str(exc))
    return 0


if __name__ == "__main__":
    sys.exit(main())
