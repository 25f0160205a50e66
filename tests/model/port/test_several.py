"""Several ports, and one port in several network namespaces."""

import pytest

from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.model.port.report import port_report, port_reports
from check_ephemeral_port.model.port.several import (
    NamespacePorts,
    PortsObservation,
    PortState,
    port_state,
    unmet,
)
from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.sockets import TcpState
from tests.support.builders import UDP, bound, connected

WEB, DB = Namespace(("/run/netns/web",), "web"), Namespace(("/run/netns/db",), "db")
FREE, USED, LISTENING = PortState.FREE, PortState.USED, PortState.LISTENING


def listening(port):
    return bound(port, state=TcpState.LISTEN)


def ports_of(namespace, *entries, **is_held):
    held = {int(name[1:]): value for name, value in is_held.items()}
    ports = {*held, *(entry.local.port for entry in entries)}
    reports = port_reports(ports, entries, held)
    return NamespacePorts(reports, "sock_diag", namespace=namespace)


def observed(*namespaces):
    return PortsObservation([PortRange(8000, 8010)], namespaces)


def test_reports_of_several_ports_are_those_of_each():
    entries = [
        listening(8001),
        connected(8002, remote_port=8001),
        bound(9, protocol=UDP),
    ]
    reports = port_reports([8000, 8001, 8002], entries, {8000: None})
    assert reports == {
        8000: port_report(8000, entries, None),
        8001: port_report(8001, entries),
        8002: port_report(8002, entries),
    }


def test_the_clearest_state_of_all_namespaces_counts():
    seen = observed(
        ports_of(WEB, bound(8001), listening(8002), listening(8006), p8003=None),
        ports_of(
            DB, listening(8001), bound(8003), bound(8006), p8004=None, p8005=False
        ),
    )
    assert seen.states() == {
        8001: LISTENING,
        8002: LISTENING,
        8003: USED,
        8004: PortState.UNCLEAR,
        8006: LISTENING,
    }
    assert [(f.report.port, f.namespace.name) for f in seen.found] == [
        *((8001, "web"), (8001, "db"), (8002, "web")),
        *((8003, "web"), (8003, "db"), (8004, "db")),
        *((8006, "web"), (8006, "db")),
    ]
    assert seen.size == 11


def test_what_is_found_shows_the_most_interesting_socket_if_one_is_listed():
    seen = observed(ports_of(WEB, connected(8001), listening(8001), p8002=True))
    first, unlisted = seen.found
    assert first.first.entry == listening(8001)
    assert (unlisted.report.port, unlisted.first) == (8002, None)


@pytest.mark.parametrize(
    "state, free, used, is_listening",
    [
        (FREE, True, False, False),
        (USED, False, True, False),
        (LISTENING, False, True, True),
        (PortState.UNCLEAR, None, None, False),
    ],
)
def test_expectations(state, free, used, is_listening):
    words = ("free", "used", "listening")
    assert [state.meets(word) for word in words] == [free, used, is_listening]


def test_a_port_that_is_not_listed_is_free():
    states = {8001: USED, 8002: PortState.UNCLEAR}
    assert unmet(range(8000, 8004), states, "free") == ([8001], [8002])
    assert unmet(range(8000, 8004), states, "used") == ([8000, 8003], [8002])
    assert port_state(port_report(8000, [])) is FREE
