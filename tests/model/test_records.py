"""A record behaves as the same class made with ``typing.NamedTuple``."""

from __future__ import annotations

import pickle
import typing

import pytest

from check_ephemeral_port.model.records import NamedTuple


class Light(NamedTuple):
    """What it means."""

    port: int
    name: str = "?"
    """What a field means."""

    @property
    def label(self) -> str:
        """What both say."""
        return f"{self.port} {self.name}"


class Usual(typing.NamedTuple):
    """What it means."""

    port: int
    name: str = "?"
    """What a field means."""

    @property
    def label(self) -> str:
        """What both say."""
        return f"{self.port} {self.name}"


@pytest.mark.parametrize("record", [Light, Usual])
def test_a_record_behaves_as_a_named_tuple(record):
    one = record(1)
    assert one == (1, "?") and one.label == "1 ?"
    assert one._replace(name="x") == record(1, name="x") == (1, "x")
    assert repr(one) == f"{record.__name__}(port=1, name='?')"
    assert pickle.loads(pickle.dumps(one)) == one
    assert record.__bases__ == (tuple,) and record.__doc__ == "What it means."
    assert record._fields == ("port", "name")
    assert record._field_defaults == {"name": "?"}
    with pytest.raises(AttributeError):
        one.port = 2
    with pytest.raises(AttributeError):
        one.other = 2
    with pytest.raises(TypeError):
        record()


@pytest.mark.parametrize("record", [Light, Usual])
def test_a_record_can_be_a_base_class(record):
    class Checked(record):  # type: ignore # mypy can't follow a variable base class
        __slots__ = ()

        def __new__(cls, port):
            if port < 0:
                raise ValueError("no port")
            return super().__new__(cls, port)

    assert Checked(1).label == "1 ?"
    with pytest.raises(ValueError):
        Checked(-1)
