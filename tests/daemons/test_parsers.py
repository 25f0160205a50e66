"""Perl's Monitoring::Plugin and Icinga 2 read what the plugin prints."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

import nagiosplugin

from check_ephemeral_port.model.forecast.forecast import Forecast, HostForecast
from check_ephemeral_port.model.forecast.trend import Growth, TimeRemaining
from check_ephemeral_port.model.namespaces import Namespace, NamespaceFailure
from check_ephemeral_port.model.port.iana import iana_class
from check_ephemeral_port.model.port.remote import (
    Attempt,
    Outcome,
    RemoteObservation,
    RemoteReport,
)
from check_ephemeral_port.model.port.report import (
    PortIdentity,
    PortObservation,
    port_report,
)
from check_ephemeral_port.model.sockets import TcpState
from check_ephemeral_port.model.thresholds import ThresholdRange, parse_range
from check_ephemeral_port.plugin.namespaces import FailedContext, InspectedNamespaces
from check_ephemeral_port.plugin.output.nagios import write_nagios
from check_ephemeral_port.plugin.pool import resource as resources
from check_ephemeral_port.plugin.pool.contexts import pool_contexts
from check_ephemeral_port.plugin.pool.namespaces import NamespaceSummary, find_worst
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.port import resources as port_resources
from check_ephemeral_port.plugin.port.contexts import local_contexts, remote_contexts
from check_ephemeral_port.plugin.port.resources import LocalPort, RemotePort
from check_ephemeral_port.plugin.port.summaries import (
    PortExplanation,
    local_sentences,
    remote_sentences,
)
from check_ephemeral_port.plugin.thresholds import Judgment, Thresholds, judge
from tests.support.builders import bound, connected, pool, waiting
from tests.support.check_builders import (
    Made,
    check_of,
    clients,
    observe,
    udp_sockets,
    watch,
)
from tests.support.needs import INSTALL_DAEMONS, need_program, skip_without

SEED = 20
LINES = 300
RANGES = 5000
PORT = 40001
NAMESPACES = ["web", "db", "cni-4f5a1234-0000-4000-8000-000000000000", "a|b'c=d"]
AT_ONCE = 1000
"""Number of metrics in one argument, whose length is limited."""
DESTINATIONS = [
    ("192.0.2.7:443", "192.0.2.7"),
    ("example.com:443", "192.0.2.7", "2001:db8::7"),
    ("[2001:db8::7]:443", "2001:db8::7"),
    ("[::1]:443", "::1"),
    ("[fe80::1%eth0]:443", "fe80::1%eth0"),
    ("a-rather-long.host-name.example_com:65535", "192.0.2.8"),
]
PERL_PERFDATA = """
use JSON::PP; use Monitoring::Plugin::Performance;
while (<STDIN>) {
    chomp;
    print encode_json([map { [
        $_->label, $_->value, $_->uom, $_->warning, $_->critical, $_->min, $_->max
    ] } Monitoring::Plugin::Performance->parse_perfstring($_)]), "\\n";
}
"""
PERL_RANGES = """
use Monitoring::Plugin::Range;
while (<STDIN>) {
    chomp;
    my ($text, $value) = split / /;
    my $range = Monitoring::Plugin::Range->parse_range_string($text);
    print !defined $range ? "malformed" : $range->check_range($value) ? "alarm" : "ok";
    print "\\n";
}
"""
ICINGA_PERFDATA = """
Json.encode(%s.map(function(text) {
    var v = parse_performance_data(text)
    return [v.label, v.value, v.unit, v.warn, v.crit, v.min, v.max]
}))
"""


class Figure(NamedTuple):
    """One metric with the values that the plugin printed."""

    label: str
    value: float
    unit: str
    warning: ThresholdRange | None
    critical: ThresholdRange | None
    minimum: float | None
    maximum: float | None


class Line(NamedTuple):
    """A printed line and its figures."""

    text: str
    figures: list[Figure]

    @property
    def perfdata(self):
        return self.text.partition(" | ")[2].rstrip("\n")


def perl(script, lines):
    """The script's answer to each line. One process reads all of them."""
    need_program("perl", INSTALL_DAEMONS)
    library = ["perl", "-MMonitoring::Plugin", "-e", "1"]
    if subprocess.run(library, stderr=subprocess.DEVNULL).returncode:
        skip_without("Monitoring::Plugin for Perl", INSTALL_DAEMONS)
    done = subprocess.run(
        ["perl", "-e", script],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines)
    return answers


def icinga(metrics):
    """Each metric as Icinga 2 parses it, without a daemon."""
    need_program("icinga2", INSTALL_DAEMONS)
    read = []
    for begin in range(0, len(metrics), AT_ONCE):
        script = ICINGA_PERFDATA % json.dumps(metrics[begin : begin + AT_ONCE])
        done = subprocess.run(
            ["icinga2", "console", "--eval", script], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
        read += json.loads(json.loads(done.stdout))
    return read


def random_range(chance, inside=True):
    low, high = sorted(
        round(chance.uniform(0, 100), chance.choice([0, 2])) for _ in "12"
    )
    kinds = [(0, high), (low, None), (None, high), (low, high), (None, None)]
    inverted = inside and chance.random() < 0.3
    start, end = chance.choice(kinds)
    return ThresholdRange(start, end, inverted)


def random_line(chance, inside):
    """A check of random sockets, or of a random port, with random thresholds."""

    def thresholds():
        one = (random_range(chance, inside), random_range(chance, inside))
        return Thresholds(*(r if chance.random() < 0.7 else None for r in one))

    kinds = [check_host, check_host, check_namespaces, check_port, check_remote_port]
    check, by_contexts = chance.choice(kinds)(chance, thresholds)
    metrics = [result.metric for result in check.results]
    figures = [
        Figure(
            label=metric.name,
            value=metric.value,
            unit=metric.uom or "",
            minimum=metric.min,
            maximum=metric.max,
            **by_contexts.get(metric.context, Thresholds())._asdict(),
        )
        for metric in metrics
        if metric.context != port_resources.EXPECTATION  # has no perfdata
    ]
    return Line(check.text, figures)


def check_host(chance, thresholds):
    """The usual check, some with destinations, some with a history."""
    names = chance.sample(DESTINATIONS, chance.choice([0, 0, 1, 3]))
    question = {
        "watches": tuple(watch(*name) for name in names),
        "udp": chance.random() < 0.8,
    }
    forecast = chance.choice([None, random_forecast(chance, **question)])
    observation = observe(*random_sockets(chance), **question)
    by_name = random_thresholds(thresholds)
    check = check_of(observation._replace(forecast=forecast), **by_name)
    return check, by_context(by_name)


def check_namespaces(chance, thresholds):
    """``--all-netns``: the first can be inspected, some of the others cannot."""
    namespaces = [
        Namespace((f"/run/netns/{name}",), name)
        for name in chance.sample(NAMESPACES, chance.randrange(1, len(NAMESPACES)))
    ]

    def outcome(namespace):
        if namespace is not namespaces[0] and chance.random() < 0.3:
            reason = "Operation not permitted; needs root"
            return NamespaceFailure(namespace, reason)
        return observe(*random_sockets(chance))._replace(namespace=namespace)

    by_name = random_thresholds(thresholds)
    contexts = pool_contexts(**by_name)
    worst, survey = find_worst(map(outcome, namespaces), contexts)
    resource = EphemeralPorts(worst._replace(survey=survey))
    resources_of_all = [
        resource,
        InspectedNamespaces(survey.inspected, survey.alarming),
    ]
    judgment = judge(resources_of_all, [*contexts, FailedContext()])
    return Made(resource, judgment, NamespaceSummary), by_context(by_name)


class MadeOfPort(NamedTuple):
    """A finished port check."""

    judgment: Judgment
    sentences: Sequence[str]

    @property
    def results(self):
        return self.judgment.results

    @property
    def text(self):
        return write_nagios(self.judgment.result(self.sentences))


def check_port(chance, thresholds):
    """``--port``."""
    entries = [
        chance.choice([connected, waiting, listening])(PORT)
        for _ in range(chance.randrange(9))
    ]
    report = port_report(PORT, entries)
    identity = PortIdentity(PORT, iana_class(PORT), {}, pool())
    observation = PortObservation(identity, report, "sock_diag")
    of_sockets = thresholds()
    expected = chance.choice([None, "free", "used", "listening"])
    judgment = judge([LocalPort(observation)], local_contexts(of_sockets, expected))
    explanation = PortExplanation()
    sentences = local_sentences(observation, judgment.results, explanation)
    return MadeOfPort(judgment, sentences), {port_resources.SOCKETS: of_sockets}


def check_remote_port(chance, thresholds):
    """``--port`` with ``--hostname``."""
    seconds = chance.choice([0.00004, 0.0001, 0.01, 1, 24, 100000])
    attempt = Attempt(
        address="192.0.2.7",
        outcome=chance.choice(list(Outcome)),
        seconds=seconds,
        reason="why",
    )
    report = RemoteReport(host="example.com", port=PORT, attempts=[attempt])
    identity = PortIdentity(port=PORT, iana=iana_class(PORT), services={})
    limit = chance.choice([0.5, 1.5, 30])
    observation = RemoteObservation(identity, report, limit)
    of_seconds = thresholds()
    contexts = remote_contexts(of_seconds, chance.choice([None, "open", "closed"]))
    judgment = judge([RemotePort(observation)], contexts)
    sentences = remote_sentences(observation, judgment.results)
    return MadeOfPort(judgment, sentences), {port_resources.SECONDS: of_seconds}


def random_sockets(chance):
    remote = chance.choice(["192.0.2.7", "2001:db8::7"])
    local = "2001:db8::5" if ":" in remote else "198.51.100.5"
    sockets = clients(chance.randrange(41), remote, local=local)
    return sockets + udp_sockets(chance.randrange(41))


def random_forecast(chance, watches, udp):
    """``--state-file``: some usages run out, some don't."""

    def forecast():
        seconds = chance.choice([0, 59, 36000, 10**7])
        remaining = TimeRemaining(
            soonest=0.8 * seconds, likely=seconds, latest=1.5 * seconds
        )
        return Forecast(
            samples=15,
            growth=Growth(slowest=1.5, typical=2.0, fastest=2.5, span_seconds=840),
            remaining=chance.choice([None, remaining]),
        )

    watched = [forecast() for _ in watches]
    return HostForecast(
        tcp_connect=forecast(),
        watched=watched,
        tcp_bind=forecast(),
        udp_bind=forecast() if udp else None,
    )


def random_thresholds(thresholds):
    kinds = ("used", "free", "bind_used", "fast_used", "eta")
    return {kind: thresholds() for kind in kinds}


def by_context(by_name):
    return {
        resources.USED_PERCENT: by_name["used"],
        resources.FREE_PORTS: by_name["free"],
        resources.BIND_USED_PERCENT: by_name["bind_used"],
        resources.FAST_USED_PERCENT: by_name["fast_used"],
        resources.ETA_SECONDS: by_name["eta"],
    }


def listening(port):
    return bound(port, state=TcpState.LISTEN)


def random_lines(inside=True):
    chance = random.Random(SEED)
    return [random_line(chance, inside) for _ in range(LINES)]


def test_perl_reads_every_figure_of_every_line():
    # Perl drops the fields after an '@' threshold; see the next test
    lines = random_lines(inside=False)
    for line, answer in zip(lines, perl(PERL_PERFDATA, [li.perfdata for li in lines])):
        read = {by_perl(*fields) for fields in json.loads(answer)}
        assert read == set(line.figures)


def by_perl(label, value, unit, warning, critical, low, high):
    return Figure(
        label,
        float(value),
        unit or "",
        parse_range(warning) if warning else None,
        parse_range(critical) if critical else None,
        None if low in ("", None) else float(low),
        None if high in ("", None) else float(high),
    )


def test_perl_reads_the_values_whatever_the_thresholds():
    lines = random_lines()
    for line, answer in zip(lines, perl(PERL_PERFDATA, [li.perfdata for li in lines])):
        read = {
            fields[0]: (float(fields[1]), fields[2]) for fields in json.loads(answer)
        }
        assert read == {f.label: (f.value, f.unit) for f in line.figures}


def test_icinga_reads_every_figure_of_every_line():
    lines = random_lines()
    metrics = {metric for line in lines for metric in line.perfdata.split(" ")}
    figures = {in_icinga(figure) for line in lines for figure in line.figures}
    assert set(map(tuple, icinga(sorted(metrics)))) == figures


def in_icinga(figure):
    """The figure in Icinga 2, which knows upper limits only and drops other ranges."""

    def limit(threshold):
        plain = threshold and threshold.start == 0 and not threshold.inverted
        return threshold.end if plain else None

    unit = {"%": "percent", "s": "seconds"}.get(figure.unit, figure.unit)
    limits = (limit(figure.warning), limit(figure.critical))
    return (figure.label, figure.value, unit, *limits, figure.minimum, figure.maximum)


def test_no_label_has_the_separator_of_icinga():
    # its PluginUtility::SplitPerfdata() reads '::' as the end of a group's name, and
    # puts that name before all labels that follow
    lines = random_lines()
    assert all("::" not in figure.label for li in lines for figure in li.figures)
    assert any("[2001:0db8:" in figure.label for li in lines for figure in li.figures)


def test_lines_of_all_kinds_were_read():
    labels = {figure.label for line in random_lines() for figure in line.figures}
    assert {"tcp_connect", "tcp_connect_eta", "netns", "netns_failed"} <= labels
    assert {"listening", "time"} <= labels


def test_ranges_mean_the_same_to_perl():
    chance = random.Random(SEED)
    pairs = []
    for _ in range(RANGES):
        threshold = random_range(chance)
        ends = [end for end in threshold[:2] if end is not None] or [0]
        near = chance.choice(ends) + chance.choice([0, 0, 0.01, -0.01, 1, -1])
        value = round(chance.choice([near, chance.uniform(-10, 110)]), 2)
        pairs.append((threshold, value))
    texts = [f"{threshold} {value:.2f}" for threshold, value in pairs]
    answers = perl(PERL_RANGES, texts)
    for (threshold, value), answer in zip(pairs, answers):
        # judged as the plugin does: parsed, written, and matched by nagiosplugin
        written = str(parse_range(str(threshold)))
        matches = nagiosplugin.Range(written).match(value)
        assert answer == ("ok" if matches else "alarm"), (written, value)
    assert {"ok", "alarm"} == set(answers)
