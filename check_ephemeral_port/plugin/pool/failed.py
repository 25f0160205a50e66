"""Failed requests: metrics, thresholds and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.failed.counts import BIND, KINDS, TCP_CONNECT, UDP
from ...model.failed.requests import FailedRequests
from ...model.thresholds import ThresholdRange
from .. import nagiosplugin
from ..text import NAME, clean_name, duration
from ..thresholds import ThresholdContext, Thresholds
from .figures import UsageFigure, describe

FAILED_COUNT = "failed_count"
DEFAULT_CRITICAL = ThresholdRange(end=0)
"""One failure since the last run is critical."""
NOUNS = {
    TCP_CONNECT: ("connect", "connects"),
    BIND: ("bind() to port 0", "calls of bind() to port 0"),
    UDP: ("UDP request", "UDP requests"),
}
CHOSEN = "a chosen port"
USAGES = {TCP_CONNECT: "tcp_connect", BIND: "tcp_bind", UDP: "udp_bind"}
"""The usage of each kind."""
OWN = "own"
GONE = "the recorder of failed connects was on at the last check and is off now"
MISSING = "failed connects are not recorded here"
UNREADABLE = "the recorder of failed connects cannot be read any more"
PAUSED = "the recorder of failed connects is paused"


class RecordedFailures(nagiosplugin.Resource):
    """The failed requests that the recorder has counted."""

    name = NAME

    def __init__(self, failed: FailedRequests) -> None:
        self.failed = failed

    def probe(self) -> list[nagiosplugin.Metric]:
        """A metric for each kind of request that is recorded."""
        return [
            nagiosplugin.Metric(f"{kind}_failed", count, min=0, context=FAILED_COUNT)
            for kind, count in self.failed.counts.items()
        ]


class _FailedContext(ThresholdContext):
    def describe(self, metric: nagiosplugin.Metric) -> str:
        kind = metric.name[: -len("_failed")]
        return failed_sentence(metric.resource.failed, kind)


def failed_context(failed: FailedRequests, given: Thresholds) -> ThresholdContext:
    """Judges the number of failures.

    By default one failure since the last run is critical, and one event in the log of
    Windows, which alarms until it is too old. In the first run, and without
    a state file, there is no default, because the alarm would never end. If the last
    run is not known for another reason, the line has that reason.
    """
    ends = failed.since_last_run or failed.window_seconds
    if given.critical is None and (ends or failed.mixed):
        given = given._replace(critical=DEFAULT_CRITICAL)
    return _FailedContext(FAILED_COUNT, given)


def failed_sentences(failed: FailedRequests) -> list[str]:
    """A sentence for each kind with failures, and one if the recorder has stopped."""
    sentences = [failed_sentence(failed, k) for k in failed.counts if failed.counts[k]]
    sentences += mixed_sentences(failed)
    sentences += [GONE] if failed.gone else []
    sentences += [UNREADABLE] if failed.unreadable else []
    sentences += [MISSING] if failed.missing else []
    return [*sentences, PAUSED] if failed.paused else sentences


def mixed_sentences(failed: FailedRequests) -> list[str]:
    """Why the failures can be earlier ones; empty if they can't, or if none failed."""
    if not failed.mixed or not any(failed.counts.values()):
        return []
    return [f"new failures cannot be distinguished from earlier ones ({failed.mixed})"]


def failed_sentence(failed: FailedRequests, kind: str) -> str:
    """How many requests failed, and whose: ``12 connects failed since the last check
    because no port was free, 11 to 192.0.2.7:443 by nginx``."""
    count = failed.counts[kind]
    if failed.window_seconds:
        events = f"{count} {'event' if count == 1 else 'events'} in the System log"
        what = f"{NOUNS[kind][1]} failed {period_of(failed)} because no port was free"
        return f"{what} ({events})"
    noun = NOUNS[kind][count != 1]
    what = f"{count} {noun} failed since {begin_of(failed)}"
    return f"{what} because no port was free" + _by_the_culprit(failed, kind)


def begin_of(failed: FailedRequests) -> str:
    """When counting began: ``the last check``."""
    if failed.since_last_run:
        return "an earlier check" if failed.mixed else "the last check"
    return f"the recorder was switched on {duration(failed.made_seconds_ago)} ago"


def period_of(failed: FailedRequests) -> str:
    """The time whose events count: ``in the last hour``."""
    span = duration(failed.window_seconds)
    return f"in the last {'hour' if failed.window_seconds == 3600 else span}"


def _by_the_culprit(failed: FailedRequests, kind: str) -> str:
    culprit = failed.culprit(kind)
    if not culprit:
        return ""
    from ..names import COMMAND_LENGTH

    words = ["all" if culprit.failures == culprit.known else str(culprit.failures)]
    if culprit.known < failed.counts[kind]:
        words.insert(0, f"of the newest {culprit.known}")
    if culprit.destination:
        words.append(f"to {culprit.destination}")
    if culprit.command:
        words.append(f"by {clean_name(culprit.command, COMMAND_LENGTH)}")
    if culprit.namespace not in (None, OWN):
        words.append(f"in netns {clean_name(str(culprit.namespace))}")
    return ", " + " ".join(words) if len(words) > 1 else ""


def full_now(failed: FailedRequests, figures: Sequence[UsageFigure]) -> list[str]:
    """How full it is now for the kind that failed; empty if none did, or if it is."""
    kind = next((kind for kind in KINDS if failed.counts.get(kind)), None)
    now = [figure for figure in figures if kind and figure.kind == USAGES[kind]]
    if not now or not now[0].usage.free.best:
        return []
    return [f"now {describe(now[0])}"]
