"""What is fuzzed stays so: seeds that reach the parsers, and no error but their own."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="seeds are what Linux has"
)
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@each_target
def test_some_seeds_are_valid_and_none_raises_an_undeclared_error(target):
    takes = [target.takes(seed) for seed in target.seeds]  # each of them
    assert any(takes)


@each_target
@given(data=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(target, data):
    target.takes(data)


@each_target
@given(data=st.data())
def test_seeds_with_errors_are_taken_or_refused(target, data):
    seed = bytearray(data.draw(st.sampled_from(target.seeds)))
    place = data.draw(st.integers(0, len(seed)))
    seed[place : place + data.draw(st.integers(0, 9))] = data.draw(
        st.binary(max_size=9)
    )
    target.takes(bytes(seed))
