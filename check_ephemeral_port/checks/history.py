"""What the pool check has seen in earlier runs: ``--state-file``.

Nothing here can cost the answer. The thresholds for usages need no history.
"""

from __future__ import annotations

from ..model.forecast.forecast import forecast_usage
from ..model.observation import Observation
from ..options import Options
from ..system.clock import read_moment
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.state_file import LOCK_SHARE, NotWritable, update_history


def no_answer(observation: Observation, options: Options) -> Observation:
    """The observation if the state file gives no answer within the time limit."""
    problem = f"no history: --state-file {options.state_file} does not answer"
    return observation._replace(history_problem=problem)


def with_history(
    observation: Observation, options: Options, stopwatch: Stopwatch
) -> Observation:
    """Add the observation to the history, and the forecast to the observation."""
    assert options.state_file
    usage, question, moment = observation.usage, observation.question, read_moment()
    identity = observation.namespace_id
    try:
        with stopwatch.stage("comparing with earlier runs"):
            forecast, note = update_history(
                options.state_file,
                lambda found: forecast_usage(found, usage, question, moment, identity),
                LOCK_SHARE * stopwatch.remaining_seconds,
            )
    except SystemReadError as error:
        return observation._replace(
            history_problem=f"no history: {error}",
            is_history_refused=not isinstance(error, NotWritable),
        )
    sample = observation.sample
    if note:
        sample = sample._replace(notes=[*sample.notes, note])
    return observation._replace(forecast=forecast, sample=sample)
