"""The survey of all network namespaces: some of them vanish or fail."""

from threading import Event

import nagiosplugin
import pytest

from check_ephemeral_port.checks import pool
from check_ephemeral_port.model.namespaces import (
    Namespace,
    NamespaceFailure,
    Survey,
)
from check_ephemeral_port.options import Options
from check_ephemeral_port.plugin.namespaces import describe_failures
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.summary import Explanation
from check_ephemeral_port.system.deadline import Stopwatch
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.namespaces import listing
from check_ephemeral_port.system.namespaces.enter import NamespaceGone
from tests.support.check_builders import clients, observe

DB = Namespace(("/run/netns/db",), "db")
MAIL = Namespace(("/run/netns/mail",), "mail")
WEB = Namespace(("/run/netns/web",), "web")
OPTIONS = Options(all_netns=True)
REFUSED = "cannot enter network namespace: Operation not permitted"


@pytest.fixture
def survey(monkeypatch):
    """Observes these namespaces, each with its sockets or with its error."""

    def survey(*found):
        outcomes = dict(found)

        def observe_namespace(namespace, *_):
            outcome = outcomes[namespace]
            if isinstance(outcome, SystemReadError):
                raise outcome
            return observe(*outcome)._replace(namespace=namespace)

        monkeypatch.setattr(listing, "list_namespaces", lambda: list(outcomes))
        monkeypatch.setattr(pool, "observe_namespace", observe_namespace)
        return pool.observe(OPTIONS, Stopwatch())

    return survey


def test_a_namespace_that_vanishes_during_the_survey_is_skipped(survey):
    observation = survey((WEB, NamespaceGone("gone")), (DB, clients(4)), (MAIL, ()))
    results, failures, _ = observation.survey
    assert [result.namespace for result in results] == [DB, MAIL]
    assert failures == []


def test_a_namespace_that_fails_is_counted(survey):
    observation = survey((WEB, SystemReadError(REFUSED)), (DB, clients(4)))
    assert observation.survey.failures == [NamespaceFailure(WEB, REFUSED)]
    resource = EphemeralPorts(observation)
    judgment = pool.judge_pool(resource, OPTIONS)
    result = pool.render(resource, judgment, Explanation())
    values = {metric.label: metric.value for metric in result.metrics}
    assert (values["netns"], values["netns_failed"]) == (1, 1)
    assert result.state == "unknown"
    assert result.sentences[0] == describe_failures(observation.survey.inspected)


def test_namespaces_that_hang_leave_time_for_the_last(monkeypatch):
    here = ("/proc/self/ns/net",)
    hanging = [Namespace(here, f"hangs {number}") for number in range(3)]
    namespaces = iter([*hanging, Namespace(here, "answers")])
    release = Event()

    def observe_here(*_):
        if len(asked) < len(hanging):
            asked.append(1)
            release.wait()
        return observe(*clients(38))

    asked = []
    monkeypatch.setattr(listing, "list_namespaces", lambda: namespaces)
    monkeypatch.setattr(pool, "observe_here", observe_here)
    observation = pool.observe(OPTIONS, Stopwatch(2))
    release.set()
    assert observation.namespace.name == "answers"
    failures = observation.survey.failures
    assert len(observation.survey.results) == 1
    assert [failure.namespace for failure in failures] == hanging
    assert all(failure.hangs for failure in failures)
    resource = EphemeralPorts(observation)
    assert pool.judge_pool(resource, OPTIONS).state == nagiosplugin.Critical


def test_the_worst_namespace_is_observed_in_full(survey):
    observation = survey((WEB, clients(4)), (DB, clients(38)), (MAIL, clients(9)))
    assert observation.namespace == DB
    assert observation.usage.tcp_connect.ports.used.best == 38
    assert len(observation.survey.results) == 3


def test_it_is_an_error_if_no_namespace_can_be_observed(survey):
    failures = [NamespaceFailure(WEB, REFUSED), NamespaceFailure(DB, "no memory")]
    with pytest.raises(SystemReadError) as raised:
        survey(
            (WEB, SystemReadError(REFUSED)),
            (MAIL, NamespaceGone("gone")),
            (DB, SystemReadError("no memory")),
        )
    assert str(raised.value) == describe_failures(Survey([], failures).inspected)
    assert str(raised.value) == (
        f"cannot inspect 2 of 2 network namespaces (web, db), {REFUSED}"
    )
