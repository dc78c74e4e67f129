"""``python -m ap_remote`` is ``ap``."""

from __future__ import annotations

from ap_remote.cli.main import main

if __name__ == "__main__":
    main()
