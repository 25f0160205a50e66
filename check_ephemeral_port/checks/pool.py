"""The pool check: is this host running out of ephemeral ports?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from ..model.connections import NO_VRF
from ..model.observation import Observation
from ..model.sockets import NEVER, TCP, UDP, SocketEntry, TcpState
from ..model.usage import HostUsage, Question, Watch, host_usage
from ..options import DestinationOption, Options
from ..plugin.output.result import Result
from ..plugin.pool.contexts import pool_contexts
from ..plugin.pool.resource import EphemeralPorts
from ..plugin.pool.summary import Explanation, PoolSummary, alarming_figure
from ..plugin.thresholds import Judgment, ThresholdContext, Thresholds, judge
from ..system import logs_failures, recorder_path
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.ranges import read_port_settings
from ..system.sockets.sampling import take_sample

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ..model.advice.facts import Advice, Listener
    from ..model.connect import TcpUse
    from ..model.failed.requests import FailedRequests
    from ..model.namespaces import Namespace
    from ..model.sample import SocketSample
    from ..model.sockets import Destination
    from ..plugin.output.details import Section
    from ..plugin.output.result import Detail
    from ..plugin.pool.figures import UsageFigure
    from .holders import FoundHolders

NAMED_LISTENERS = 20
"""Maximum number of processes to look up that listen inside the range."""

IDLE_SHARE = 0.1
"""The share of the remaining time for the search for the holders of sockets that no
list shows."""

NAMED_BINDERS = 3
"""Maximum number of processes to name that bind before they connect."""


def run(
    options: Options, stopwatch: Stopwatch, keep: Callable[[Callable[[], Result]], None]
) -> Result:
    """Run the check. Raises :class:`SystemReadError`.

    As soon as the state is known, ``keep`` gets a function that returns the result
    without a history and an explanation, and later one with the history. It is for the
    case that these take too long.
    """
    observed = observe(options, stopwatch)

    def keep_unanswered(failed: FailedRequests | None) -> None:
        from .history import no_answer

        unanswered = no_answer(observed, options)._replace(failed=failed)
        keep(_unexplained(unanswered, options))

    if options.state_file:
        keep_unanswered(None)
    # before the history, which would replace a damaged file
    observation = _with_failed(observed, options, stopwatch, keep_unanswered)
    if options.state_file:
        from .history import with_history

        keep_unanswered(observation.failed)
        observation = with_history(observation, options, stopwatch)
    resource = EphemeralPorts(observation)
    judgment = judge_pool(resource, options)
    keep(lambda: render(resource, judgment, Explanation()))
    explanation = Explanation()
    if options.verbose or not judgment.is_ok:
        explanation = explain(resource, judgment, options, stopwatch)
    return render(resource, judgment, explanation)


def _unexplained(observation: Observation, options: Options) -> Callable[[], Result]:
    def result() -> Result:
        resource = EphemeralPorts(observation)
        return render(resource, judge_pool(resource, options), Explanation())

    return result


# observe


def observe(options: Options, stopwatch: Stopwatch) -> Observation:
    """Observe this host, a network namespace, or the worst of all namespaces.

    Raises :class:`SystemReadError`.
    """
    with stopwatch.stage("resolving destinations"):
        # each once, since perfdata labels must not repeat
        watches = tuple(dict.fromkeys(map(_watch, options.destination)))
    if options.all_netns:
        with stopwatch.stage("inspecting all network namespaces"):
            return _observe_all(options, watches, stopwatch)
    if options.netns:
        from ..model.namespaces import Namespace
        from ..system.namespaces.enter import namespace_path

        named = Namespace((namespace_path(options.netns),), options.netns)
        return observe_namespace(named, options, watches, stopwatch)
    return observe_here(options, watches, stopwatch)


def _observe_all(
    options: Options, watches: tuple[Watch, ...], stopwatch: Stopwatch
) -> Observation:
    from ..plugin.namespaces import describe_failures
    from ..plugin.pool.namespaces import find_worst
    from ..system.processes import hides_processes
    from .survey import observe_each

    def observe(namespace: Namespace, limit: Stopwatch) -> Observation:
        return observe_namespace(namespace, options, watches, limit)

    outcomes = observe_each(observe, stopwatch)
    worst, survey = find_worst(outcomes, contexts_of(options))
    survey = survey._replace(hides_processes=hides_processes())
    if worst is None:
        none = "no network namespace could be inspected"
        raise SystemReadError(describe_failures(survey.inspected) or none)
    return worst._replace(survey=survey)


def observe_namespace(
    namespace: Namespace,
    options: Options,
    watches: tuple[Watch, ...],
    stopwatch: Stopwatch,
) -> Observation:
    """Observe this network namespace. Raises :class:`SystemReadError`.

    Raises the subclass :class:`~.enter.NamespaceGone` if it no longer exists.
    """
    from ..system.namespaces.enter import in_namespace

    observation = in_namespace(
        namespace,
        lambda: observe_here(options, watches, stopwatch),
        stopwatch.remaining_seconds,
    )
    return observation._replace(namespace=namespace)


def observe_here(
    options: Options, watches: tuple[Watch, ...], stopwatch: Stopwatch
) -> Observation:
    """Observe the network namespace of this thread. Raises :class:`SystemReadError`."""
    watches = tuple(map(_with_device, watches))
    tcp, udp = options.protocol != "udp", options.protocol != "tcp"
    protocols = [name for name, wanted in ((TCP, tcp), (UDP, udp)) if wanted]
    with stopwatch.stage("reading the ephemeral range"):
        settings = read_port_settings(protocols=protocols)
    with stopwatch.stage("sampling the sockets"):
        sample = take_sample(settings.pool, protocols, settings.rules, options.sampler)
    # which addresses they have matters for bind() to one address
    if sample.unseen_tcp_sockets and (options.source or options.verbose):
        from ..system.sockets.unlisted import with_idle_sockets

        with stopwatch.stage("looking for sockets that no list shows"):
            limit_seconds = IDLE_SHARE * stopwatch.remaining_seconds
            sample = with_idle_sockets(sample, settings.pool, limit_seconds)
    question = Question(tcp, udp, options.source, watches)
    count = partial(host_usage, sample, settings.pool, settings.rules, question)
    with stopwatch.stage("counting ports"):
        usage = count()
    tells_worst_case = options.probe == NEVER
    if any(use.is_unclear for use in usage.tcp_uses.values()):
        from .experiment import settle  # late: an idle host has nothing to settle

        with stopwatch.stage("settling unclear ports"):
            usage, is_decided, note = settle(usage, options, count, stopwatch)
        tells_worst_case |= bool(note) or not is_decided
        if note:
            sample = sample._replace(notes=[*sample.notes, note])
    found_port: Mapping[Destination | None, bool] = {}
    full = _full_destinations(usage)
    if full and options.probe != NEVER:
        from .experiment import try_destinations

        found_port = try_destinations(full)
    namespace_id = ""
    if options.state_file:
        from ..system.clock import read_namespace_id

        namespace_id = read_namespace_id()  # in a thread, it is that of the thread
    return Observation(
        settings.pool,
        settings.origin,
        sample,
        usage,
        question=question,
        namespace_id=namespace_id,
        found_port=found_port,
        tells_worst_case=tells_worst_case,
        device_names=_device_names(sample, usage),
        pool_notes=settings.notes,
    )


def _with_failed(
    observation: Observation,
    options: Options,
    stopwatch: Stopwatch,
    keep: Callable[[FailedRequests], None],
) -> Observation:
    """Add the requests that failed, as a recorder or a log has them."""
    if logs_failures():
        from .failed import observe_logged

        with stopwatch.stage("reading the System log"):
            return observe_logged(observation, options, stopwatch)
    path, state_file = recorder_path(), options.state_file
    is_asked = options.verbose or options.failed_warning or options.failed_critical
    if not (path or is_asked or (state_file and _has_counts(state_file))):
        return observation
    from .failed import observe_failed  # late: most hosts have no recorder

    with stopwatch.stage("reading the recorder of failed requests"):
        return observe_failed(observation, path, options, stopwatch, keep)


def _has_counts(state_file: str) -> bool:
    from ..system.state_file import has_counts

    return has_counts(state_file)


def _watch(option: DestinationOption) -> Watch:
    from ..system.names import resolve, service_port

    host, _, device = option.host.partition("%")
    name = f"[{option.host}]" if ":" in host else option.host
    port = option.port if isinstance(option.port, int) else service_port(option.port)
    return Watch(f"{name}:{port}", resolve(host, port), device_name=device)


def _with_device(watch: Watch) -> Watch:
    if not watch.device_name:
        return watch
    from ..system.names import device_index

    return watch._replace(device=device_index(watch.device_name))


def _device_names(sample: SocketSample, usage: HostUsage) -> Mapping[int, str]:
    devices = {*sample.connections.devices, *usage.tcp_uses} - {NO_VRF}
    if not devices:
        return {}
    from ..system.names import device_names

    return device_names(devices)


def _full_destinations(usage: HostUsage) -> set[Destination]:
    """Those where no port should remain."""
    connects = [
        usage.tcp_connect,
        *usage.in_vrfs.values(),
        *(connect for _, connect in (*usage.watched, *usage.on_devices)),
    ]
    return {
        connect.destination
        for connect in connects
        if connect and connect.destination and not connect.ports.free.best
    }


# judge


def contexts_of(options: Options) -> list[ThresholdContext]:
    """The contexts with the thresholds of the command line."""
    return pool_contexts(
        used=Thresholds(options.warning, options.critical),
        free=Thresholds(options.free_warning, options.free_critical),
        bind_used=Thresholds(options.bind_warning, options.bind_critical),
        fast_used=Thresholds(options.fast_warning, options.fast_critical),
        eta=Thresholds(options.eta_warning, options.eta_critical),
    )


def judge_pool(resource: EphemeralPorts, options: Options) -> Judgment:
    """Compare the metrics with the thresholds of the command line."""
    resources, contexts = [resource], contexts_of(options)
    survey, failed = resource.observation.survey, resource.observation.failed
    if failed and failed.counts:
        from ..plugin.pool.failed import RecordedFailures, failed_context

        resources.insert(0, RecordedFailures(failed))  # evidence comes before figures
        thresholds = Thresholds(options.failed_warning, options.failed_critical)
        contexts.append(failed_context(failed, thresholds))
    if survey:
        from ..plugin.namespaces import FailedContext, InspectedNamespaces

        resources.append(InspectedNamespaces(survey.inspected, survey.alarming))
        contexts.append(FailedContext())
    return judge(resources, contexts)


# explain


def explain(
    resource: EphemeralPorts,
    judgment: Judgment,
    options: Options,
    stopwatch: Stopwatch,
) -> Explanation:
    """Find the holders of the ports and the causes of an alarm.

    With ``-v``, also make all tables.
    """
    from .holders import FoundHolders

    observation = resource.observation
    alarming = alarming_figure(resource, judgment.results)
    with stopwatch.stage("looking up the holders of the ports"):
        figures = [alarming] if alarming else []
        if judgment.is_ok:
            figures = resource.main_figures
        idle_limit_seconds = IDLE_SHARE * stopwatch.remaining_seconds
        found = FoundHolders(observation, figures, options, idle_limit_seconds)
        holders = found.of(figures[0], 1) if figures else []
    advice: Sequence[Advice] = ()
    causes: Sequence[str] = ()
    if not options.no_advice:
        from ..plugin.pool.advice import causes_of

        with stopwatch.stage("looking for advice"):
            settled: Mapping[int, bool] = {}
            if alarming and alarming.connect and not judgment.is_ok:
                from .experiment import settle_for_cause

                to = alarming.destination
                settled = settle_for_cause(observation, to, options, stopwatch)
            advice = _advise(observation, alarming, found.entries, settled, options)
        causes = causes_of(advice)
    if not options.verbose:
        return Explanation(holders, causes)
    tables = _tables(resource, figures, found, options, stopwatch)
    below = _advice_and_survey(observation, advice, options)
    return Explanation(holders, causes, [*tables, *below])


def _rows(options: Options) -> int:
    return options.top or (20 if options.verbose >= 2 else 5)


def _tables(
    resource: EphemeralPorts,
    figures: Sequence[UsageFigure],
    found: FoundHolders,
    options: Options,
    stopwatch: Stopwatch,
) -> Sequence[Detail]:
    from ..plugin.pool.tables import pool_sections

    observation, rows = resource.observation, _rows(options)
    sections = pool_sections(
        observation,
        resource.figures,
        observation.usage.fullest(rows),
        [(figure, found.of(figure, rows)) for figure in figures],
        stopwatch.finished,
        options.verbose,
    )
    if observation.failed and observation.failed.counts:
        return [*_failed_sections(observation.failed, rows), *sections]
    return sections


def _failed_sections(failed: FailedRequests, rows: int) -> Sequence[Section]:
    from ..plugin.pool.tables import failed_section, logged_section, taken_sections
    from ..system.clock import local_time, local_wall_time

    if failed.window_seconds:
        return [logged_section(failed, local_wall_time)]
    taken = taken_sections(failed, rows, local_time)
    return [failed_section(failed, rows, local_time), *taken]


def _advice_and_survey(
    observation: Observation, advice: Iterable[Advice], options: Options
) -> Iterator[Detail]:
    """Details below the tables. The namespaces come last, since they can be many."""
    from ..plugin.pool.advice import for_namespace
    from ..plugin.pool.tables import survey_sections

    for each in advice:
        yield for_namespace(each, observation.namespace)
    if observation.survey:
        yield from survey_sections(observation.survey, options.top)


def _advise(
    observation: Observation,
    alarming: UsageFigure | None,
    sockets: Iterable[SocketEntry],
    settled: Mapping[int, bool],
    options: Options,
) -> list[Advice]:
    """Advice about settings and, with ``-v``, about programs.

    ``sockets`` must contain all sockets that are not connected, with their processes.
    ``settled``: ports that were settled after the state was known.
    """
    from ..model.advice import advise
    from ..model.advice.bind_before_connect import bound_before_connect
    from ..model.advice.facts import Facts
    from ..system.advice_settings import read_advice_settings
    from ..system.namespaces.enter import in_namespace

    try:
        settings = in_namespace(observation.namespace, read_advice_settings)
    except SystemReadError:  # missing advice is not worth an alarm
        return []
    if settings is None:
        return []
    connect = alarming.connect if alarming else None
    usage, entries = observation.usage, observation.sample.entries
    use = usage.use_of(connect.destination if connect else None)
    bound_first = bound_before_connect(use, entries, settled)
    states = observation.sample.connections.states
    facts = Facts(usage, settings, connect, bound_first, states=states)
    if options.verbose:
        facts = facts._replace(
            listeners=_listeners(observation, sockets),
            bound_by=_processes_that_bound(bound_first, use, observation, options),
        )
    return advise(facts)


def _listeners(
    observation: Observation, sockets: Iterable[SocketEntry]
) -> list[Listener]:
    from ..model.advice.facts import Listener
    from ..plugin.names import holder_name
    from ..system.holders import named_holders

    listening = [entry for entry in sockets if entry.state is TcpState.LISTEN]
    named = named_holders(listening, False, NAMED_LISTENERS, observation.namespace)
    names = {getattr(holder.who, "pid", None): holder_name(holder) for holder in named}
    return [Listener(entry.local.port, names.get(entry.pid, "")) for entry in listening]


def _processes_that_bound(
    ports: frozenset[int], use: TcpUse, observation: Observation, options: Options
) -> list[str]:
    from ..model.advice.bind_before_connect import destinations_of, many_bound_first
    from ..plugin.names import holder_name
    from ..system.holders import find_holders, named_holders

    if not many_bound_first(len(ports), observation.pool.capacity):
        return []
    namespace = observation.namespace
    destinations = destinations_of(use.connections, ports, NAMED_BINDERS)
    sockets, hidden = find_holders(
        [],
        observation.pool,
        destinations,
        options.sampler,
        lambda entry: entry.local.port in ports,
        namespace,
    )
    named = named_holders(sockets, hidden, NAMED_BINDERS, namespace)
    return list(map(holder_name, named))


# render


def render(
    resource: EphemeralPorts, judgment: Judgment, explanation: Explanation
) -> Result:
    """The result in the form that every output is written from."""
    summary = PoolSummary(resource, explanation)
    if resource.observation.namespace:
        from ..plugin.pool.namespaces import NamespaceSummary

        summary = NamespaceSummary(resource, explanation)
    sentences = summary.sentences(judgment.results)
    result = judgment.result(sentences, explanation.details)
    if resource.observation.is_history_refused and judgment.is_ok:
        return result._replace(state="unknown", exit_code=3)
    return result
