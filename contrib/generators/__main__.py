"""``make generated``: writes the files that are derived from the program."""

from pathlib import Path

from . import FILES

for path, text in FILES.items():
    (Path(__file__).parents[1] / path).write_text(text())
