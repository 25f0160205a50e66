"""Which of several namespaces is worst."""

from check_ephemeral_port.model.namespaces import (
    Inspected,
    Namespace,
    NamespaceFailure,
    NamespaceResult,
    Survey,
)
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
    severities = [one.severity for one in in_order]
    assert severities == sorted(set(severities))


def test_a_survey_alarms_if_one_of_its_namespaces_does():
    assert Survey([result(0, 99, 99), result(1, 0, 0)], []).alarming
    assert not Survey([result(0, 99, 99)], []).alarming


def test_a_survey_knows_what_could_be_inspected():
    failures = [NamespaceFailure(Namespace(()), "no answer", hangs=True)]
    survey = Survey([result(0, 1, 1), result(0, 2, 2)], failures, True)
    assert survey.inspected == Inspected(2, failures, hides_processes=True)
