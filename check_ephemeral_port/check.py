"""Puts the rings together: options in, the plugin's text and exit code out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import nagiosplugin

from .model.ownership import Holding, holdings
from .model.records import NamedTuple
from .model.sockets import SocketEntry, SocketSample
from .model.usage import Question, Watch, host_usage
from .options import DestinationOption, Options
from .plugin.contexts import Thresholds, contexts
from .plugin.output import render
from .plugin.resources import EphemeralPorts, Observation, Reading
from .plugin.summaries import PortSummary
from .system.deadline import Stopwatch
from .system.errors import SystemReadError
from .system.port_ranges import read_port_settings
from .system.sampling import take_sample

PROBE_LIMIT_SECONDS = 2.0
"""Enough for every port there is, many times over."""


class Outcome(NamedTuple):
    """What the plugin prints and how it exits."""

    text: str
    exit_code: int


def run(options: Options, stopwatch: Stopwatch) -> Outcome:
    """Make the check."""
    resource = EphemeralPorts(lambda: observe(options, stopwatch))
    summary = PortSummary(resource)
    check = nagiosplugin.Check(
        resource,
        *contexts(
            used=Thresholds(options.warning, options.critical),
            free=Thresholds(options.free_warning, options.free_critical),
            bind_used=Thresholds(options.bind_warning, options.bind_critical),
            fast_used=Thresholds(options.fast_warning, options.fast_critical),
        ),
        summary,
    )
    check()
    lines: list[str] = []
    if resource.observation and (options.verbose or check.state != nagiosplugin.Ok):
        from .system.processes import find_pids

        with stopwatch.stage("looking up who holds the ports"):
            rows = options.top or (20 if options.verbose >= 2 else 5)
            entries = find_pids(resource.observation.sample.entries)
            summary.holdings = _named(entries, summary.alarming(check.results), 1)
        if options.verbose:
            from .plugin.tables import detail_lines

            lines = detail_lines(
                resource.observation,
                resource.readings,
                _named(entries, None, rows),
                stopwatch.finished,
                options.verbose,
                rows,
            )
    return Outcome(render(check, lines), check.exitcode)


def _named(
    entries: Iterable[SocketEntry], about: Reading | None, count: int
) -> list[Holding]:
    """The largest holdings of the ports that a reading is about, or of all."""
    from .system.processes import describe_owner

    if about:
        entries = [entry for entry in entries if about.concerns(entry)]
    return [
        holding._replace(owner=holding.owner and describe_owner(holding.owner.pid))
        for holding in holdings(entries)[:count]
    ]


def observe(options: Options, stopwatch: Stopwatch) -> Observation:
    """Look at the host.

    All that can go wrong in reading the system comes out of here as nagiosplugin's
    ``CheckError``, which makes the check UNKNOWN.
    """
    try:
        with stopwatch.stage("reading the ephemeral range"):
            settings = read_port_settings()
        with stopwatch.stage("resolving destinations"):
            watches = tuple(map(_watch, options.destination))
        tcp, udp = options.protocol != "udp", options.protocol != "tcp"
        with stopwatch.stage("sampling the sockets"):
            sample = take_sample(settings.pool.range, tcp, udp, options.sampler)
        question = Question(tcp, udp, options.source, watches)
        with stopwatch.stage("counting ports"):
            usage = host_usage(sample, settings.pool, settings.time_wait, question)
        if options.probe and usage.tcp_use.unclear:
            with stopwatch.stage("probing unclear ports"):
                sample, settled = _probe(sample, usage.tcp_use.unclear)
            usage = host_usage(
                sample, settings.pool, settings.time_wait, question, settled
            )
    except SystemReadError as error:
        raise nagiosplugin.CheckError(str(error)) from error
    return Observation(settings.pool, settings.origin, sample, usage)


def _probe(
    sample: SocketSample, unclear: Iterable[int]
) -> tuple[SocketSample, Mapping[int, bool]]:
    from .system.port_probe import probe_ports

    try:
        return sample, probe_ports(sorted(unclear), PROBE_LIMIT_SECONDS)
    except SystemReadError as error:  # the bounds stay as they are
        return sample._replace(notes=[*sample.notes, str(error)]), {}


def _watch(option: DestinationOption) -> Watch:
    from .system.resolver import resolve

    remotes = resolve(option.host, option.port)
    host = f"[{option.host}]" if ":" in option.host else option.host
    return Watch(f"{host}:{option.port}", remotes)
