"""``typing.NamedTuple``, without typing: to load that takes a tenth of a whole run.

For modules whose annotations are text (``from __future__ import annotations``): from
Python 3.14 on, the body of a class doesn't hold others yet.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Record(type):
        """Makes the named tuple that the body of a class describes."""

        def __new__(cls, name, bases, body):
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            record = namedtuple(name, fields, defaults=defaults)
            for attribute, value in body.items():
                setattr(record, attribute, value)
            return record

    NamedTuple = type.__new__(_Record, "NamedTuple", (), {})
