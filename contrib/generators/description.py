"""The description for a package index: README without what is only in the sources."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.rst"
NOTE = """\
More
----

The source archive has all documents:

"""


def description() -> str:
    """The file."""
    text = README.read_text()
    # an index has no pictures and no other files to link to
    text = re.sub(
        r"^\.\. image:: (?!https:).*\n(?: +:.*\n)*\n", "", text, flags=re.MULTILINE
    )
    text = re.sub(r"`([^`<]+?)\s*<(?!https:)[^>`]+>`__?", r"\1", text)
    return text.replace("More\n----\n\n", NOTE)
