"""Which devices belong to a VRF: a recorded answer, any bytes, and this host."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.system import vrfs
from check_ephemeral_port.system.vrfs import decode_links, read_vrfs
from tests.support.namespace import add_vrf, has_vrf
from tests.support.recorded import recorded

ANSWER = [b64decode(part) for part in recorded("linux/links.txt").strip().split("\n\n")]
LO, DUMMY0, RED, D0, BR0, D1 = range(1, 7)


def decoded(parts):
    found: dict[int, int] = {}
    done = False
    for part in parts:
        done, vrf_of = decode_links(part)
        found.update(vrf_of)
    return done, found


def test_a_vrf_and_its_devices_are_told_from_a_bridge_and_its_devices():
    assert decoded(ANSWER) == (True, {RED: RED, D0: RED})
    assert decoded(ANSWER[:1])[0] is False


def test_a_refusal_is_an_error():
    refusal = vrfs._HEADER.pack(36, vrfs._NLMSG_ERROR, 0, 0, 0) + bytes(20)
    with pytest.raises(ValueError, match="refuses"):
        decode_links(refusal)


@given(st.data())
def test_an_answer_that_is_cut_or_changed_is_malformed_at_worst(data):
    part = bytearray(data.draw(st.sampled_from(ANSWER)))
    for place in data.draw(st.lists(st.integers(0, len(part) - 1), max_size=3)):
        part[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(part)))
    try:
        done, vrf_of = decode_links(bytes(part[:end]))
    except ValueError:
        return
    assert isinstance(done, bool)
    assert all(isinstance(number, int) for pair in vrf_of.items() for number in pair)


@pytest.mark.namespace(ports="40000-40099")
def test_the_kernel_answers():
    expected = 0
    if has_vrf():
        add_vrf("red")
        expected = 1
    assert len(read_vrfs()) == expected
