"""The sources as a packager has them."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXCLUDED = shutil.ignore_patterns(
    *(".git", ".venv*", "*.egg-info", "build", "dist", "__pycache__", ".*_cache"),
    ".coverage*",  # those of tests that run beside this one come and go
)


def copy_sources(target: Path) -> Path:
    """Copy them to a new folder, without the files that were made from them."""
    shutil.copytree(ROOT, target, ignore=EXCLUDED)
    return target
