"""A check of a sample, without a host."""

from check_ephemeral_port.model.observation import Observation
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import endpoint
from check_ephemeral_port.model.thresholds import ThresholdRange
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.plugin.output.nagios import perfdata_text, write_nagios
from check_ephemeral_port.plugin.pool.contexts import pool_contexts
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.summary import (
    Explanation,
    PoolSummary,
    alarming_figure,
)
from check_ephemeral_port.plugin.thresholds import Thresholds, judge
from tests.model.builders import UDP, bound, connected, pool, sample

DEFAULTS = Thresholds(ThresholdRange(end=80), ThresholdRange(end=90))
NEVER = Thresholds()


def clients(count, remote="192.0.2.7", **more):
    """So many connections to one destination, on the ports that connect() takes."""
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def udp_sockets(count, **more):
    return [bound(40000 + n, protocol=UDP, **more) for n in range(count)]


def watch(name, *addresses):
    port = int(name.rpartition(":")[2])
    return Watch(name, tuple(endpoint(address, port) for address in addresses))


def observe(*entries, unseen=0, time_wait=True, **question):
    seen = sample(*entries, unseen=unseen)
    visibility = seen.visibility._replace(time_wait=time_wait)
    seen = seen._replace(visibility=visibility)
    usage = host_usage(seen, pool(), ConnectRules(), Question(**question))
    return Observation(pool(), "/proc/range", seen, usage)


class Made:
    """A check that was made of an observation."""

    def __init__(self, resource, judgement, summary, explanation=Explanation()):
        self.resource = resource
        self.judgement = judgement
        self.results = judgement.results
        self.state = judgement.state
        self._summary = summary
        self._explanation = explanation

    def explained(self, *holders, **more):
        """The same with an explanation."""
        explanation = Explanation(holders, **more)
        return Made(self.resource, self.judgement, self._summary, explanation)

    @property
    def result(self):
        sentences = self._summary(self.resource, self._explanation).sentences
        return self.judgement.result(sentences(self.results), self._explanation.details)

    @property
    def perfdata(self):
        return sorted(map(perfdata_text, self.judgement.metrics))

    @property
    def summary_str(self):
        return "; ".join(self.result.sentences)

    @property
    def text(self):
        return write_nagios(self.result)

    @property
    def alarming(self):
        return alarming_figure(self.resource, self.results)


def check_of(
    observation, used=DEFAULTS, free=NEVER, bind_used=NEVER, fast_used=NEVER, eta=NEVER
):
    """The check of an observation."""
    resource = EphemeralPorts(observation)
    contexts = pool_contexts(used, free, bind_used, fast_used, eta)
    return Made(resource, judge([resource], contexts), PoolSummary)


def checked(*entries, question=(), **thresholds):
    return check_of(observe(*entries, **dict(question)), **thresholds)
