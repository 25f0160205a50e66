"""What ``--recorder`` says about each kind, and about its price."""

import pytest

from check_ephemeral_port.model.failed.counts import BIND, TAKEN, TCP_CONNECT, UDP
from check_ephemeral_port.model.failed.recorder import KindStatus
from check_ephemeral_port.plugin.recorder import describe_recorder

PRICE = "Each bind() and each UDP socket takes about a tenth longer.\n"
CONNECT = KindStatus(TCP_CONNECT, True, True)
REFUSED = [KindStatus(kind, False, refused=["f: no"]) for kind in (BIND, UDP, TAKEN)]
ON = [KindStatus(kind, True, True, 2) for kind in (BIND, UDP, TAKEN)]


@pytest.mark.parametrize("others, has_price", [(REFUSED, False), (ON, True)])
def test_the_price_is_that_of_the_kinds_that_are_new(others, has_price):
    text = describe_recorder([CONNECT, *others])
    assert "\nEach TCP connection takes 0.8 us longer. " in text
    assert (PRICE in text) is has_price
    again = [kind._replace(is_changed=False) for kind in (CONNECT, *others)]
    assert "longer" not in describe_recorder(again)


def test_a_refusal_has_the_reason_of_the_kernel():
    text = describe_recorder([CONNECT, REFUSED[2]])
    assert (
        "\nchosen ports that are taken: not recorded, the kernel refused f: no\n"
        in text
    )
