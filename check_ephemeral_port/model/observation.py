"""The observation of the pool check: one run, one network namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .ports import PortPool
from .records import NamedTuple
from .sample import SocketSample
from .usage import HostUsage, Question

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs need none of them
    from .failed.requests import FailedRequests
    from .forecast.forecast import HostForecast
    from .namespaces import Namespace, Survey
    from .sockets import Destination


class Observation(NamedTuple):
    """Everything that the pool check judges and explains."""

    pool: PortPool
    pool_origin: str
    """Where the range was read, as text for the output."""
    sample: SocketSample
    usage: HostUsage
    namespace: Namespace | None = None
    """The network namespace that was observed; ``None`` if the user named none."""
    survey: Survey | None = None
    """The results of all namespaces; ``None`` unless the run was a survey."""
    question: Question = Question()
    """What the user asked."""
    namespace_id: str = ""
    """Identifies the network namespace in the history; empty if no history is kept."""
    forecast: HostForecast | None = None
    """``None`` if no history is kept."""
    history_problem: str = ""
    """Why there is no history although the user wants one, for the administrator."""
    is_history_refused: bool = False
    """The file of the history is not usable at all, instead of not writable now."""
    found_port: Mapping[Destination | None, bool] = {}
    """Whether a connect() that was tried just now found a port, for destinations with
    none remaining."""
    tells_worst_case: bool = True
    """Whether to say what the figures are in the worst case. It is not worth a word if
    the experiment could have settled it, but the state is the same in any case."""
    device_names: Mapping[int, str] = {}
    """Names of the devices that connections are bound to, by index."""
    failed: FailedRequests | None = None
    """Requests of the whole host that got no port; ``None`` if there is no record."""
    pool_notes: Sequence[str] = ()
    """Remarks about the rules of this system, as text for the output."""
