"""Many network namespaces in one result: the worst one in full, the others counted."""

import re

import nagiosplugin
import pytest

from check_ephemeral_port.model.holders import Holder, Process
from check_ephemeral_port.model.namespaces import Namespace, NamespaceFailure
from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.layout import detail_lines
from check_ephemeral_port.plugin.names import namespace_name, namespace_phrase
from check_ephemeral_port.plugin.namespaces import (
    FailedContext,
    InspectedNamespaces,
    describe_failures,
)
from check_ephemeral_port.plugin.pool.contexts import pool_contexts
from check_ephemeral_port.plugin.pool.namespaces import (
    NamespaceSummary,
    find_worst,
    namespace_result,
)
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.tables import survey_sections
from check_ephemeral_port.plugin.thresholds import Thresholds, judge
from tests.support.check_builders import DEFAULTS, Made, clients, observe, udp_sockets

OWN = Namespace(("/proc/self/ns/net",), process=Process(1, "init"), own=True)
WEB = Namespace(("/run/netns/web",), "web")
NGINX = Namespace(
    ("/proc/812/ns/net",), process=Process(812, "nginx"), container="4f5a12345678"
)
REFUSED = "/run/netns/web: Operation not permitted; needs root"
IDLE = (
    "0% of 40 ports for TCP connect() used, 40 remaining"
    " - 0% of 40 ports for UDP used, 40 remaining"
)
FIGURES = (
    "tcp_bind=0%;;;0;100 tcp_bind_free=40;;;0;40"
    " tcp_connect=0%;80;90;0;100 tcp_connect_fast=0%;;;0;100"
    " tcp_connect_free=40;;;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0"
    " udp_bind=0%;80;90;0;100 udp_bind_free=40;;;0;40 udp_sockets=0;;;0\n"
)


def contexts(free=Thresholds()):
    return pool_contexts(DEFAULTS, free, Thresholds(), Thresholds())


def observed(namespace, *entries):
    return observe(*entries)._replace(namespace=namespace)


def surveyed(*found):
    """A survey, and the observation of the worst namespace.

    ``found``: namespaces, each with its sockets or with the reason why it failed.
    """
    outcomes = [
        (
            NamespaceFailure(namespace, entries)
            if isinstance(entries, str)
            else observed(namespace, *entries)
        )
        for namespace, entries in found
    ]
    worst, survey = find_worst(outcomes, contexts())
    return survey, worst


def check_all(*found):
    """The check of such a survey."""
    survey, worst = surveyed(*found)
    resource = EphemeralPorts(worst._replace(survey=survey))
    judgment = judge(
        [resource, InspectedNamespaces(survey.inspected, survey.alarming)],
        [*contexts(), FailedContext()],
    )
    return Made(resource, judgment, NamespaceSummary)


def test_the_whole_output_for_one_idle_namespace():
    assert check_all((OWN, ())).text == (
        f"EPHEMERAL_PORT OK - in own netns {IDLE} | netns=1;;;0 netns_failed=0;;;0 "
        + FIGURES
    )


def test_the_worst_is_named():
    check = check_all((OWN, ()), (NGINX, clients(38)), (WEB, clients(20)))
    assert check.state == nagiosplugin.Critical
    assert check.summary_str.startswith(
        "in netns nginx[812] 4f5a12345678, worst of 3,"
        " 95% of 40 ports to 192.0.2.7:443 used, above 90%, 2 remaining - "
    )


def test_a_failed_namespace_is_unknown_counted_and_named():
    assert check_all((OWN, ()), (WEB, REFUSED)).text == (
        "EPHEMERAL_PORT UNKNOWN - cannot inspect 1 of 2 network namespaces (web),"
        f" /run/netns/web, Operation not permitted, needs root - in own netns {IDLE}"
        f" | netns=1;;;0 netns_failed=1;;;0 {FIGURES}"
    )


@pytest.mark.parametrize(
    "connections, state, share, limit",
    [
        (33, nagiosplugin.Warn, "82", "above 80%, 7"),
        (38, nagiosplugin.Critical, "95", "above 90%, 2"),
    ],
)
def test_a_failed_namespace_does_not_hide_an_alarm(connections, state, share, limit):
    check = check_all((OWN, clients(connections)), (WEB, REFUSED))
    assert check.state == state
    assert check.explained(Holder(20, Process(7, "a"))).summary_str == (
        f"in own netns {share}% of 40 ports to 192.0.2.7:443 used, {limit} remaining"
        " - a[7] holds 20 - cannot inspect 1 of 2 network namespaces (web), " + REFUSED
    )


def test_only_three_of_many_failures_are_named():
    many = [(WEB._replace(name=f"n{number}"), REFUSED) for number in range(200)]
    assert check_all((OWN, ()), *many).summary_str.startswith(
        "cannot inspect 200 of 201 network namespaces (n0, n1, n2, 197 more), "
    )


def test_the_first_of_equally_bad_namespaces_is_the_worst():
    survey, worst = surveyed((OWN, ()), (WEB, clients(8)), (NGINX, clients(8)))
    assert worst.namespace is WEB
    assert [result.severity for result in survey.results] == [(0, 0), (0, 20), (0, 20)]


def test_there_is_no_worst_namespace_if_all_failed():
    survey, worst = surveyed((WEB, REFUSED))
    assert worst is None
    assert re.match(
        r"cannot inspect 1 of 1 .* \(web\), /run/", describe_failures(survey.inspected)
    )


def test_thresholds_come_before_percent():
    roomy, small = observed(WEB, *clients(20)), observed(OWN, *udp_sockets(8))
    assert namespace_result(roomy, contexts()).severity == (0, 50.0)
    assert namespace_result(small, contexts()).severity == (0, 20.0)
    few_free = contexts(free=Thresholds(None, parse_range("33:")))
    assert namespace_result(small, few_free).severity == (2, 20.0)


def test_an_unchecked_protocol_has_no_percentage():
    seen = observe(*clients(4), udp=False)._replace(namespace=WEB)
    result = namespace_result(seen, contexts())
    assert (result.tcp_connect_percent, result.udp_bind_percent) == (10.0, None)
    assert result.severity == (0, 10.0)


@pytest.mark.parametrize(
    "namespace, short, text",
    [
        (OWN, "own", "own netns"),
        (OWN._replace(name="blue"), "blue", "netns blue"),
        (OWN._replace(of_host=True), "host", "netns host"),
        (NGINX._replace(of_host=True, container=None), "host", "netns host"),
        (WEB._replace(name="own"), "own", "netns own"),
        (WEB, "web", "netns web"),
        (WEB._replace(process=Process(7, "nginx")), "web", "netns web"),
        (NGINX, "nginx[812] 4f5a12345678", "netns nginx[812] 4f5a12345678"),
        (NGINX._replace(container=None), "nginx[812]", "netns nginx[812]"),
        (
            Namespace(("/run/docker/netns/ab",)),
            "/run/docker/netns/ab",
            "netns /run/docker/netns/ab",
        ),
    ],
)
def test_names_of_namespaces(namespace, short, text):
    assert (namespace_name(namespace), namespace_phrase(namespace)) == (short, text)


@pytest.mark.parametrize("text", ["a|b\n", "\x1b[31m", "x" * 300, "", "\udcff"])
def test_hostile_names_are_harmless(text):
    for namespace in (
        Namespace(("/x",), text),
        Namespace(("/x",), process=Process(4194304, text), container="4f5a12345678"),
    ):
        short = namespace_name(namespace)
        assert short.isascii() and short.isprintable() and "|" not in short
        assert 0 < len(short) <= 40


def test_the_worst_namespaces_have_rows_and_the_rest_is_counted():
    failed = [(WEB._replace(name=f"n{number}"), REFUSED) for number in range(3)]
    survey, _ = surveyed((OWN, ()), (WEB, clients(38)), (NGINX, ()), *failed)
    assert detail_lines(survey_sections(survey, 2)) == [
        "n0: /run/netns/web: Operation not permitted; needs root",
        "n1: /run/netns/web: Operation not permitted; needs root",
        "and 1 more that cannot be inspected",
        "",
        "namespace        range  connect    UDP  sockets",
        "web        40000-40039   95.00%  0.00%       38",
        "own        40000-40039    0.00%  0.00%        0",
        "and 1 more, none of them worse",
    ]


def test_each_namespace_has_a_row_by_default():
    idle = [(WEB._replace(name=f"n{number}"), ()) for number in range(50)]
    survey, _ = surveyed((OWN, ()), (WEB, REFUSED), *idle)
    refused, between, head, *rows = detail_lines(survey_sections(survey))
    assert (between, head.split()[0]) == ("", "namespace")
    assert refused.startswith("web: ")
    assert [row.split()[0] for row in rows] == ["own", *(n.name for n, _ in idle)]


def test_rows_stay_within_80_columns():
    name, container = "n" * 99, "4f5a12345678"
    named = Namespace(("/x",), name)
    unnamed = Namespace(("/x",), process=Process(4194304, name), container=container)
    failure = (named._replace(paths=("/y",)), name)
    survey, _ = surveyed((named, clients(40)), (unnamed, clients(40)), failure)
    results = [result._replace(sockets=9999999) for result in survey.results]
    lines = detail_lines(survey_sections(survey._replace(results=results), 9))
    assert max(map(len, lines)) == 80
