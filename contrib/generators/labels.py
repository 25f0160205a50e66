"""The perfdata labels, as the documentation lists them."""

from collections.abc import Sequence
from typing import NamedTuple

from check_ephemeral_port.plugin.labels import (
    HOST_PORT,
    POOL_LABELS,
    PORT_LABELS,
    REMOTE_PORT_LABELS,
    Label,
)


class LabelGroup(NamedTuple):
    """The labels of one kind of run."""

    title: str
    labels: Sequence[Label]


def label_groups() -> Sequence[LabelGroup]:
    """All labels. Those that most runs print come first."""
    return (
        LabelGroup("Pool check", sorted(POOL_LABELS, key=_needs_an_option)),
        LabelGroup("Port check, -p", PORT_LABELS),
        LabelGroup("Port check of another host, -p with -H", REMOTE_PORT_LABELS),
    )


def _needs_an_option(label: Label) -> bool:
    return HOST_PORT in label.name or label.name.startswith("netns")
