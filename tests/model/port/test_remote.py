"""Which attempt to connect says most about a port."""

import pytest

from check_ephemeral_port.model.port.remote import Attempt, Outcome, RemoteReport


@pytest.mark.parametrize(
    "outcomes, telling",
    [
        ("unreachable filtered closed open", 3),
        ("unreachable closed filtered", 1),
        ("unreachable filtered", 1),
        ("closed closed", 0),
    ],
)
def test_the_first_of_the_best_outcome_is_telling(outcomes, telling):
    attempts = [
        Attempt(f"192.0.2.{n}", Outcome(outcome), seconds=0.1)
        for n, outcome in enumerate(outcomes.split())
    ]
    report = RemoteReport("db.example.com", 443, attempts)
    assert report.telling is attempts[telling]
