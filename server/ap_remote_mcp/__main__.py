"""``python -m ap_remote_mcp``."""

from __future__ import annotations

import sys

from ap_remote_mcp.server import main

sys.exit(main())
