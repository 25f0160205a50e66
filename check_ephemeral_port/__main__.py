"""``python -m check_ephemeral_port``."""

from __future__ import annotations

import sys

from check_ephemeral_port.cli import main

sys.exit(main())
