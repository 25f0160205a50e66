"""The fuzz targets work: seeds reach the parsers, and only declared errors occur."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.support.needs import need_linux

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@pytest.fixture(autouse=True, scope="module")
def linux():
    need_linux()  # the seeds come from it


@each_target
def test_some_seeds_are_valid_and_none_raises_an_undeclared_error(target):
    accepted = [target.accepts(seed) for seed in target.seeds]
    assert any(accepted)


@each_target
@given(data=st.binary(max_size=200))
def test_any_bytes_are_accepted_or_refused(target, data):
    target.accepts(data)


@each_target
@given(data=st.data())
def test_seeds_with_errors_are_accepted_or_refused(target, data):
    seed = bytearray(data.draw(st.sampled_from(target.seeds)))
    start = data.draw(st.integers(0, len(seed)))
    seed[start : start + data.draw(st.integers(0, 9))] = data.draw(
        st.binary(max_size=9)
    )
    target.accepts(bytes(seed))
