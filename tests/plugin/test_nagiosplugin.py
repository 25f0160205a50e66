"""The parts of nagiosplugin that the check loads."""

import subprocess
import sys
from itertools import permutations

import pytest

IMPORTS = (
    "import nagiosplugin",
    "from check_ephemeral_port.plugin import nagiosplugin as parts",
)
SAME = """
from nagiosplugin.state import ServiceState
assert nagiosplugin.Cookie and nagiosplugin.Check
for name in parts.__all__:
    whole = getattr(nagiosplugin, name, ServiceState)  # it is only in its module
    assert getattr(parts, name) is whole, name
"""


@pytest.mark.parametrize("imports", list(permutations(IMPORTS)))
def test_others_can_import_all_of_it(imports):
    program = "\n".join([*imports, SAME])
    subprocess.run([sys.executable, "-c", program], check=True)
