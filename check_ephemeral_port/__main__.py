"""``python -m check_ephemeral_port``."""

import sys

from check_ephemeral_port.cli import main

sys.exit(main())
