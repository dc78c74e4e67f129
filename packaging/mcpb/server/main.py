"""Where a host that opens the bundle begins."""

from __future__ import annotations

import sys

from ap_remote_mcp.server import main

sys.exit(main())
