"""A replacement for ``typing.NamedTuple`` that does not load ``typing``.

Loading ``typing`` would take a tenth of a whole run. A module that uses this class
must begin with ``from __future__ import annotations``. Without it, Python 3.14 and
later evaluate annotations lazily, and the metaclass finds none in the class body.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Record(type):
        """Builds a named tuple from the body of a class."""

        def __new__(cls, name, bases, body):
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            record = namedtuple(name, fields, defaults=defaults)
            for attribute, value in body.items():
                setattr(record, attribute, value)
            return record

    NamedTuple = type.__new__(_Record, "NamedTuple", (), {})
