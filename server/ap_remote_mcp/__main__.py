"""``python -m ap_remote_mcp``, and the command ``ap-remote-mcp``; without the extra they say what to install."""

from __future__ import annotations

import gc
import sys

from ap_remote.errors import MissingExtraError


def main() -> int:
    """Run the command and return its exit code."""
    gc.disable()  # what is imported stays: to look for garbage among it, again and again, is a tenth of the start
    try:
        from ap_remote_mcp.server import main as run
    except ModuleNotFoundError as exc:
        if not exc.name or exc.name.startswith("ap_remote"):
            raise
        missing = MissingExtraError("the MCP server", "mcp")
        sys.stderr.write(f"ap-remote-mcp: {missing} ({exc})\n")
        return missing.exit_code
    finally:
        gc.freeze()
        gc.enable()
    return run()


if __name__ == "__main__":
    sys.exit(main())
