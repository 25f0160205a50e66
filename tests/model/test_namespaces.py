"""Which of several namespaces is worst."""

from check_ephemeral_port.model.namespaces import Namespace, NamespaceResult
from check_ephemeral_port.model.ports import PortRange


def result(state, tcp_percent, udp_percent):
    return NamespaceResult(
        Namespace(()), state, PortRange(1, 2), tcp_percent, udp_percent, sockets=0
    )


def test_the_state_comes_first_and_then_the_fullest_pool():
    in_order = [
        result(0, None, None),
        result(0, 0.5, None),
        result(0, 0.7, 0),
        result(0, 10, 60.0),
        result(0, 70.0, 0),
        result(0, None, 99.9),
        result(1, 20.0, 0),
        result(2, None, 10.0),
    ]
    found = sorted([*in_order[3:], *in_order[:3]], key=lambda one: one.severity)
    assert found == in_order
