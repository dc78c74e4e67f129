"""``python -m ap_remote_emulator``: serve a data folder, or verify one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library.check import check
from ap_remote_emulator.serve import serve


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 success, 1 faults found, 2 the folder cannot be used."""
    parser = argparse.ArgumentParser(prog="ap_remote_emulator", description="A local Amazon-Photos-compatible service.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the store; made if it is missing")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=0, help="the port to listen at; 0 picks a free one")
    parser.add_argument("--internal", action="store_true", help="open /_internal/ for tests; never on a network")
    parser.add_argument("--check", action="store_true", help="verify the store instead of serving it")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            faults = check(options.data)
            sys.stdout.writelines(f"{fault}\n" for fault in faults)
            return 1 if faults else 0
        serve(data=options.data, host=options.host, port=options.port, internal=options.internal)
    except StoreError as error:
        sys.stderr.write(f"ap_remote_emulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
