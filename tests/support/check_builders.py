"""A check of a sample, without a host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nagiosplugin

from check_ephemeral_port.model.holders import Holder
from check_ephemeral_port.model.observation import Observation
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.model.sockets import SocketEntry, endpoint
from check_ephemeral_port.model.thresholds import ThresholdRange
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.plugin.output.nagios import perfdata_text, write_nagios
from check_ephemeral_port.plugin.output.result import Result
from check_ephemeral_port.plugin.pool.contexts import pool_contexts
from check_ephemeral_port.plugin.pool.figures import UsageFigure
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.summary import (
    Explanation,
    PoolSummary,
    alarming_figure,
)
from check_ephemeral_port.plugin.text import SEPARATOR
from check_ephemeral_port.plugin.thresholds import Judgment, Thresholds, judge
from tests.support.builders import UDP, bound, connected, pool, sample

DEFAULTS = Thresholds(ThresholdRange(end=80), ThresholdRange(end=90))
NEVER = Thresholds()


def clients(count: int, remote: str = "192.0.2.7", **more: Any) -> list[SocketEntry]:
    """Connections to one destination, on the ports that connect() takes first."""
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def udp_sockets(count: int, **more: Any) -> list[SocketEntry]:
    return [bound(40000 + n, protocol=UDP, **more) for n in range(count)]


def watch(name: str, *addresses: str) -> Watch:
    port = int(name.rpartition(":")[2])
    return Watch(name, tuple(endpoint(address, port) for address in addresses))


def observe(
    *entries: SocketEntry,
    unseen: int = 0,
    time_wait: bool = True,
    sharing: Sharing = Sharing.UNLESS_BOUND,
    reuse: int = 0,
    vrf: int = 0,
    **question: Any,
) -> Observation:
    """``vrf``: the index of a VRF named red."""
    rules = ConnectRules(reuse, sharing=sharing)
    seen = sample(*entries, unseen=unseen)
    seen.connections.vrf_of = {vrf: vrf}
    visibility = seen.visibility._replace(time_wait=time_wait)
    seen = seen._replace(visibility=visibility)
    usage = host_usage(seen, pool(), rules, Question(**question))
    return Observation(pool(), "/proc/range", seen, usage, device_names={vrf: "red"})


class Made:
    """A finished check of an observation."""

    def __init__(
        self,
        resource: EphemeralPorts,
        judgment: Judgment,
        summary: type[PoolSummary] = PoolSummary,
        explanation: Explanation = Explanation(),
    ) -> None:
        self.resource = resource
        self.judgment = judgment
        self.results: nagiosplugin.Results = judgment.results
        self.state: nagiosplugin.ServiceState = judgment.state
        self._summary = summary
        self._explanation = explanation

    def explained(self, *holders: Holder, **more: Any) -> Made:
        """The same with an explanation."""
        explanation = Explanation(holders, **more)
        return Made(self.resource, self.judgment, self._summary, explanation)

    @property
    def result(self) -> Result:
        """The structured result."""
        summary = self._summary(self.resource, self._explanation)
        sentences = summary.sentences(self.results)
        return self.judgment.result(sentences, self._explanation.details)

    @property
    def perfdata(self) -> Sequence[str]:
        """The perfdata as texts, sorted."""
        return sorted(map(perfdata_text, self.judgment.metrics))

    @property
    def summary_str(self) -> str:
        """The status line without state and perfdata."""
        return SEPARATOR.join(self.result.sentences)

    @property
    def text(self) -> str:
        """The whole output."""
        return write_nagios(self.result)

    @property
    def alarming(self) -> UsageFigure | None:
        """The figure that the alarm is about."""
        return alarming_figure(self.resource, self.results)


def check_of(
    observation: Observation,
    used: Thresholds = DEFAULTS,
    free: Thresholds = NEVER,
    bind_used: Thresholds = NEVER,
    fast_used: Thresholds = NEVER,
    eta: Thresholds = NEVER,
) -> Made:
    """The check of an observation."""
    resource = EphemeralPorts(observation)
    contexts = pool_contexts(used, free, bind_used, fast_used, eta)
    return Made(resource, judge([resource], contexts))


def checked(*entries: SocketEntry, question: Any = (), **thresholds: Any) -> Made:
    """The check of these sockets."""
    return check_of(observe(*entries, **dict(question)), **thresholds)
