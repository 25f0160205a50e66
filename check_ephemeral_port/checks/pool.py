"""Puts the rings together: options in, the plugin's text and exit code out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import nagiosplugin

from ..model.sample import SocketSample
from ..model.sockets import TCP, UDP, SocketEntry, TcpState
from ..model.usage import (
    ConnectUsage,
    HostUsage,
    Question,
    Watch,
    fullest_destinations,
    host_usage,
)
from ..options import DestinationOption, Options
from ..plugin.output.nagios import Outcome, render
from ..plugin.pool.contexts import Thresholds, contexts
from ..plugin.pool.resource import EphemeralPorts, Observation
from ..plugin.pool.summary import PortSummary
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.ranges import read_port_settings
from ..system.sockets.sampling import take_sample

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ..model.advice import Advice, Listener
    from ..model.forecast.forecast import Outlook
    from ..model.namespaces import Namespace
    from ..plugin.pool.namespaces import Survey
    from ..plugin.pool.resource import Reading

NAMED_LISTENERS = 20
"""So many processes that listen inside the range are looked up."""

PROBE_LIMIT_SECONDS = 2.0
"""Enough for every port there is, many times over."""


def run(
    options: Options, stopwatch: Stopwatch, keep: Callable[[Outcome], None]
) -> Outcome:
    """Make the check.

    ``keep`` gets the outcome as soon as the state is known: it still holds if the
    look for the causes takes too long.
    """
    judges = contexts(
        used=Thresholds(options.warning, options.critical),
        free=Thresholds(options.free_warning, options.free_critical),
        bind_used=Thresholds(options.bind_warning, options.bind_critical),
        fast_used=Thresholds(options.fast_warning, options.fast_critical),
        eta=Thresholds(options.eta_warning, options.eta_critical),
    )
    survey: Survey | None = None
    counted: list[object] = []
    if options.all_netns:
        from ..plugin.pool.namespaces import FailedContext, Survey

        survey = Survey(judges)
        counted = [survey, FailedContext()]
    resource = EphemeralPorts(lambda: look_where_asked(options, survey, stopwatch))
    summary = PortSummary(resource)
    if survey or options.netns:
        from ..plugin.pool.namespaces import NamespaceSummary

        summary = NamespaceSummary(resource, survey)
    check = nagiosplugin.Check(resource, *counted, *judges, summary)
    check()
    outcome = render(check)
    look = resource.observation
    if not look or (check.state == nagiosplugin.Ok and not options.verbose):
        return outcome
    keep(outcome)
    from ..system.holders import attribute, named_holdings

    about = summary.alarming(check.results)
    rows = options.top or (20 if options.verbose >= 2 else 5)
    fullest: list[ConnectUsage] = []
    if options.verbose:
        fullest = fullest_destinations(look.usage.tcp_use, look.pool, rows)
    destinations = {usage.destination for usage in fullest}
    if about and about.protocol == TCP:
        destinations.add(about.destination)
    with stopwatch.stage("looking up who holds the ports"):
        place, sampler = look.namespace, options.sampler
        entries: Iterable[SocketEntry] = look.sample.entries
        leader_only = not options.verbose  # the status line names no other
        if leader_only:
            entries = filter(about.concerns, entries) if about else ()
        sockets, hidden = attribute(
            entries, look.pool, destinations, sampler, place, leader_only
        )
        if about:
            concerned = sockets if leader_only else filter(about.concerns, sockets)
            summary.holdings = named_holdings(concerned, hidden, 1, place)
        if options.verbose:
            holdings = named_holdings(sockets, hidden, rows, place)
    advice: list[Advice] = []
    if not options.no_advice:
        from ..plugin.pool.advice import advice_lines, causes

        with stopwatch.stage("looking for advice"):
            advice = _advise(look, about, sockets, options)
        summary.causes = causes(advice) if about else []
    lines: list[str] = []
    if options.verbose:
        from ..plugin.pool.tables import detail_lines, survey_lines

        lines = detail_lines(
            look,
            resource.readings,
            fullest,
            holdings,
            stopwatch.finished,
            options.verbose,
        )
        if advice:
            lines += advice_lines(advice, look.namespace)
        if survey:  # last, since there may be more of them than there is room for
            lines += survey_lines(survey, options.top)
    return render(check, lines)


def _advise(
    look: Observation,
    about: Reading | None,
    sockets: Iterable[SocketEntry],
    options: Options,
) -> list[Advice]:
    """What is to be said of the settings, and with ``-v`` of programs.

    ``sockets``: those that are not connected, at least, with their processes.
    """
    from ..model.advice import Facts, advise, bound_before_connect
    from ..system.advice_settings import read_advice_settings
    from ..system.places import run_in

    try:
        settings = run_in(look.namespace, read_advice_settings)
    except SystemReadError:  # advice is not worth an alarm
        return []
    if settings is None:
        return []
    facts = Facts(
        look.usage,
        settings,
        about.connect if about else None,
        bound_before_connect(look.usage, look.sample.entries),
    )
    if options.verbose:
        facts = facts._replace(
            listeners=_listeners(look, sockets),
            bound_by=_holders_of(facts.bound_first, look, options),
        )
    return advise(facts)


def _listeners(look: Observation, sockets: Iterable[SocketEntry]) -> list[Listener]:
    from ..model.advice import Listener
    from ..plugin.pool.tables import holder_name
    from ..system.holders import named_holdings

    listening = [entry for entry in sockets if entry.state is TcpState.LISTEN]
    named = named_holdings(listening, False, NAMED_LISTENERS, look.namespace)
    names = {getattr(h.holder, "pid", None): holder_name(h) for h in named}
    return [
        Listener(entry.local.port, names[entry.pid] if entry.pid in names else "")
        for entry in listening
    ]


def _holders_of(
    bound_first: frozenset[int], look: Observation, options: Options
) -> list[str]:
    from ..model.advice import NAMES, destinations_of, many_bound_first
    from ..plugin.pool.tables import holder_name
    from ..system.holders import attribute, named_holdings

    if not many_bound_first(len(bound_first), look.pool.capacity):
        return []
    use, place = look.usage.tcp_use, look.namespace
    destinations = destinations_of(use.connections, bound_first, NAMES)
    sockets, hidden = attribute([], look.pool, destinations, options.sampler, place)
    concerned = [entry for entry in sockets if entry.local.port in bound_first]
    return list(map(holder_name, named_holdings(concerned, hidden, NAMES, place)))


def look_where_asked(
    options: Options, survey: Survey | None, stopwatch: Stopwatch
) -> Observation:
    """Look at this host, a network namespace, or the worst of those in a survey.

    All that can go wrong in reading the system comes out of here as nagiosplugin's
    ``CheckError``, which makes the check UNKNOWN.
    """
    try:
        with stopwatch.stage("resolving destinations"):
            watches = tuple(map(_watch, options.destination))
        if survey:
            with stopwatch.stage("looking into all network namespaces"):
                return _worst(options, survey, watches)
        place: Namespace | None = None
        if options.netns:
            from ..model.namespaces import Namespace
            from ..system.namespaces.enter import namespace_path

            place = Namespace((namespace_path(options.netns),), options.netns)
        return observe_in(place, options, watches, stopwatch)
    except SystemReadError as error:
        raise nagiosplugin.CheckError(str(error)) from error


def _worst(options: Options, survey: Survey, watches: tuple[Watch, ...]) -> Observation:
    from ..system.namespaces.enter import NamespaceGone
    from ..system.namespaces.listing import list_namespaces

    def attempt(place: Namespace) -> Observation | None:
        try:
            return observe_in(place, options, watches, Stopwatch())
        except NamespaceGone:  # it was listed a moment ago
            return None
        except SystemReadError as error:
            raise nagiosplugin.CheckError(str(error)) from error

    return survey.worst(list_namespaces(), attempt)


def observe_in(
    place: Namespace | None,
    options: Options,
    watches: tuple[Watch, ...],
    stopwatch: Stopwatch,
) -> Observation:
    """Look at a network namespace; ``None`` is the one we are in.

    Raises :class:`SystemReadError`.
    """
    if place is None:
        return observe(options, watches, stopwatch)
    from ..system.places import run_in

    observation = run_in(place, lambda: observe(options, watches, stopwatch))
    return observation._replace(namespace=place)


def observe(
    options: Options, watches: tuple[Watch, ...], stopwatch: Stopwatch
) -> Observation:
    """Look at the network namespace that this thread is in.

    Raises :class:`SystemReadError`.
    """
    tcp, udp = options.protocol != "udp", options.protocol != "tcp"
    protocols = [name for name, wanted in ((TCP, tcp), (UDP, udp)) if wanted]
    with stopwatch.stage("reading the ephemeral range"):
        settings = read_port_settings(protocols=protocols)
    delay = settings.rules.reuse_delay_seconds
    with stopwatch.stage("sampling the sockets"):
        sample = take_sample(settings.pool, protocols, delay, options.sampler)
    question = Question(tcp, udp, options.source, watches)
    with stopwatch.stage("counting ports"):
        usage = host_usage(sample, settings.pool, settings.rules, question)
    if options.probe and usage.tcp_use.unclear:
        with stopwatch.stage("probing unclear ports"):
            sample, settled = _probe(sample, usage.tcp_use.unclear)
        usage = host_usage(sample, settings.pool, settings.rules, question, settled)
    outlook = None
    if options.state_file:
        with stopwatch.stage("comparing with earlier runs"):
            outlook, note = _look_ahead(options.state_file, usage, question)
        if note:
            sample = sample._replace(notes=[*sample.notes, note])
    return Observation(
        settings.pool,
        settings.origin,
        sample,
        usage,
        outlook=outlook,
        pool_notes=settings.notes,
    )


def _probe(
    sample: SocketSample, unclear: Iterable[int]
) -> tuple[SocketSample, Mapping[int, bool]]:
    from ..system.bound_probe import probe_ports

    try:
        return sample, probe_ports(sorted(unclear), PROBE_LIMIT_SECONDS)
    except SystemReadError as error:  # the bounds stay as they are
        return sample._replace(notes=[*sample.notes, str(error)]), {}


def _look_ahead(path: str, usage: HostUsage, question: Question) -> tuple[Outlook, str]:
    from ..model.forecast.forecast import look_ahead
    from ..system.clock import read_moment, read_place
    from ..system.state_file import update_history

    moment, place = read_moment(), read_place()
    return update_history(
        path, lambda history: look_ahead(history, usage, question, moment, place)
    )


def _watch(option: DestinationOption) -> Watch:
    from ..system.names import resolve

    remotes = resolve(option.host, option.port)
    host = f"[{option.host}]" if ":" in option.host else option.host
    return Watch(f"{host}:{option.port}", remotes)
