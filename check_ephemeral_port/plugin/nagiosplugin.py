"""The parts of nagiosplugin that the check uses.

``import nagiosplugin`` loads everything: also its runtime, its state files and its log
reader, and for these logging, tempfile, json and traceback. That would be a third of
the time of a run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec

_PACKAGE = "nagiosplugin"

_is_complete = _PACKAGE in sys.modules
if not _is_complete:
    _spec = find_spec(_PACKAGE)
    if _spec is None:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}")
    # its modules find one another like this; its __init__.py does not run
    sys.modules[_PACKAGE] = module_from_spec(_spec)
try:
    from nagiosplugin.context import Context, ScalarContext
    from nagiosplugin.metric import Metric
    from nagiosplugin.performance import Performance
    from nagiosplugin.resource import Resource
    from nagiosplugin.result import Result, Results
    from nagiosplugin.state import Critical, Ok, ServiceState, Unknown, Warn
finally:
    if not _is_complete:  # a later import loads the rest, and finds the same classes
        del sys.modules[_PACKAGE]

__all__ = [
    "Context",
    "Critical",
    "Metric",
    "Ok",
    "Performance",
    "Resource",
    "Result",
    "Results",
    "ScalarContext",
    "ServiceState",
    "Unknown",
    "Warn",
]
