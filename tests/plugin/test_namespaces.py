"""Many network namespaces in one result: the worst is told, the others are counted."""

import nagiosplugin
import pytest

from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.model.ownership import Owner
from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.contexts import Thresholds, contexts
from check_ephemeral_port.plugin.namespaces import (
    FailedContext,
    NamespaceSummary,
    Survey,
    in_words,
    label,
    look_of,
)
from check_ephemeral_port.plugin.output import render
from check_ephemeral_port.plugin.resources import EphemeralPorts
from check_ephemeral_port.plugin.tables import survey_lines
from tests.support.check_builders import DEFAULTS, clients, observe, udp_sockets

OWN = Namespace(("/proc/self/ns/net",), process=Owner(1, "init"), own=True)
WEB = Namespace(("/run/netns/web",), "web")
NGINX = Namespace(
    ("/proc/812/ns/net",), process=Owner(812, "nginx"), container="4f5a12345678"
)
REFUSED = nagiosplugin.CheckError("/run/netns/web: Operation not permitted; needs root")
IDLE = (
    "0% of 40 ports for TCP connect() used, 40 left;"
    " 0% of 40 ports for UDP used, 40 left"
)
FIGURES = (
    "tcp_bind=0%;;;0;100 tcp_bind_free=40;;;0;40"
    " tcp_connect=0%;80;90;0;100 tcp_connect_fast=0%;;;0;100"
    " tcp_connect_free=40;;;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0"
    " udp_bind=0%;80;90;0;100 udp_bind_free=40;;;0;40 udp_sockets=0;;;0\n"
)


def judges(free=Thresholds()):
    return contexts(DEFAULTS, free, Thresholds(), Thresholds())


def observed(namespace, *entries):
    return observe(*entries)._replace(namespace=namespace)


def surveyed(*found):
    """A survey of namespaces, each with the sockets found there, the error, or ``None``
    if it is gone; and the observation of the worst."""

    def observe_one(namespace):
        (entries,) = (outcome for place, outcome in found if place is namespace)
        if isinstance(entries, Exception):
            raise entries
        return None if entries is None else observed(namespace, *entries)

    survey = Survey(judges())
    return survey, survey.worst([namespace for namespace, _ in found], observe_one)


def check_all(*found):
    """The check that results from a survey."""
    survey, worst = surveyed(*found)
    resource = EphemeralPorts(lambda: worst)
    summary = NamespaceSummary(resource, survey)
    check = nagiosplugin.Check(resource, survey, *judges(), FailedContext(), summary)
    check()
    return check


def test_the_whole_of_one_idle_namespace():
    assert render(check_all((OWN, ()))).text == (
        f"EPHEMERAL_PORT OK - own netns: {IDLE} | netns=1;;;0 netns_failed=0;;;0 "
        + FIGURES
    )


def test_the_worst_is_named():
    check = check_all((OWN, ()), (NGINX, clients(38)), (WEB, clients(20)))
    assert check.state == nagiosplugin.Critical
    assert check.summary_str.startswith(
        "netns nginx[812] 4f5a12345678, worst of 3:"
        " 95% of 40 ports to 192.0.2.7:443 used, 2 left; "
    )


def test_what_can_not_be_looked_into_is_unknown_counted_and_named():
    assert render(check_all((OWN, ()), (WEB, REFUSED))).text == (
        "EPHEMERAL_PORT UNKNOWN - 1 of 2 network namespaces can't be looked into (web):"
        f" /run/netns/web: Operation not permitted; needs root; own netns: {IDLE}"
        f" | netns=1;;;0 netns_failed=1;;;0 {FIGURES}"
    )


@pytest.mark.parametrize(
    "connections, state", [(33, nagiosplugin.Warn), (38, nagiosplugin.Critical)]
)
def test_an_alarm_is_not_hidden_by_what_can_not_be_looked_into(connections, state):
    check = check_all((OWN, clients(connections)), (WEB, REFUSED))
    assert check.state == state
    assert check.summary_str.startswith("own netns: ")
    assert check.summary_str.endswith(
        "; 1 of 2 network namespaces can't be looked into (web): " + str(REFUSED)
    )


def test_few_of_many_failures_are_named():
    many = [(WEB._replace(name=f"n{number}"), REFUSED) for number in range(200)]
    assert check_all((OWN, ()), *many).summary_str.startswith(
        "200 of 201 network namespaces can't be looked into (n0, n1, n2, 197 more): "
    )


def test_of_equals_the_first_is_the_worst():
    survey, worst = surveyed((OWN, ()), (WEB, clients(8)), (NGINX, clients(8)))
    assert worst.namespace is WEB
    assert [look.severity for look in survey.looks] == [(0, 0), (0, 20), (0, 20)]


def test_what_is_gone_is_not_counted():
    survey, worst = surveyed((WEB, None), (OWN, ()), (NGINX, None))
    assert worst.namespace is OWN
    assert (len(survey.looks), survey.failures) == (1, [])


def test_if_none_can_be_looked_into_there_is_no_result():
    with pytest.raises(nagiosplugin.CheckError, match="^1 of 1 .* \\(web\\): /run/"):
        surveyed((WEB, REFUSED))


def test_a_look_that_failed_says_why_and_nothing_else():
    def fail():
        raise nagiosplugin.CheckError("no luck")

    resource = EphemeralPorts(fail)
    check = nagiosplugin.Check(resource, *judges(), NamespaceSummary(resource, None))
    check()
    assert render(check).text == "EPHEMERAL_PORT UNKNOWN - no luck\n"


def test_thresholds_come_before_percent():
    roomy, small = observed(WEB, *clients(20)), observed(OWN, *udp_sockets(8))
    assert look_of(roomy, judges()).severity == (0, 50.0)
    assert look_of(small, judges()).severity == (0, 20.0)
    few_left = judges(free=Thresholds(None, parse_range("33:")))
    assert look_of(small, few_left).severity == (2, 20.0)


def test_what_was_not_asked_for_has_no_percentage():
    seen = observe(*clients(4), udp=False)._replace(namespace=WEB)
    look = look_of(seen, judges())
    assert (look.tcp_connect_percent, look.udp_bind_percent) == (10.0, None)
    assert look.severity == (0, 10.0)


@pytest.mark.parametrize(
    "namespace, short, text",
    [
        (OWN, "own", "own netns"),
        (OWN._replace(name="blue"), "blue", "netns blue"),
        (WEB._replace(name="own"), "own", "netns own"),
        (WEB, "web", "netns web"),
        (WEB._replace(process=Owner(7, "nginx")), "web", "netns web"),
        (NGINX, "nginx[812] 4f5a12345678", "netns nginx[812] 4f5a12345678"),
        (NGINX._replace(container=None), "nginx[812]", "netns nginx[812]"),
        (
            Namespace(("/run/docker/netns/ab",)),
            "/run/docker/netns/ab",
            "netns /run/docker/netns/ab",
        ),
    ],
)
def test_what_a_namespace_is_called(namespace, short, text):
    assert (label(namespace), in_words(namespace)) == (short, text)


@pytest.mark.parametrize("text", ["a|b\n", "\x1b[31m", "x" * 300, "", "\udcff"])
def test_hostile_names_are_harmless(text):
    for namespace in (
        Namespace(("/x",), text),
        Namespace(("/x",), process=Owner(4194304, text), container="4f5a12345678"),
    ):
        short = label(namespace)
        assert short.isascii() and short.isprintable() and "|" not in short
        assert 0 < len(short) <= 40


def test_rows_by_severity_and_the_rest_is_counted():
    failed = [(WEB._replace(name=f"n{number}"), REFUSED) for number in range(3)]
    survey, _ = surveyed((OWN, ()), (WEB, clients(38)), (NGINX, ()), *failed)
    assert survey_lines(survey, 2) == [
        "",
        "n0: /run/netns/web: Operation not permitted; needs root",
        "n1: /run/netns/web: Operation not permitted; needs root",
        "and 1 more that can't be looked into",
        "",
        "namespace        range  connect    UDP  sockets",
        "web        40000-40039   95.00%  0.00%       38",
        "own        40000-40039    0.00%  0.00%        0",
        "and 1 more, none of them worse",
    ]


def test_each_has_a_row_unless_told_otherwise():
    idle = [(WEB._replace(name=f"n{number}"), ()) for number in range(50)]
    survey, _ = surveyed((OWN, ()), (WEB, REFUSED), *idle)
    blank, refused, between, head, *rows = survey_lines(survey)
    assert (blank, between, head.split()[0]) == ("", "", "namespace")
    assert refused.startswith("web: ")
    assert [row.split()[0] for row in rows] == ["own", *(n.name for n, _ in idle)]


def test_rows_stay_within_80_columns():
    name, container = "n" * 99, "4f5a12345678"
    named = Namespace(("/x",), name)
    unnamed = Namespace(("/x",), process=Owner(4194304, name), container=container)
    failure = (named._replace(paths=("/y",)), nagiosplugin.CheckError(name))
    survey, _ = surveyed((named, clients(40)), (unnamed, clients(40)), failure)
    survey.looks = [look._replace(sockets=9999999) for look in survey.looks]
    assert max(map(len, survey_lines(survey, 9))) == 80
