"""Makes the files below contrib that have to know every option of the program."""

from collections.abc import Mapping
from typing import Callable

from . import bash_completion, director, grafana, icinga2, man

FILES: Mapping[str, Callable[[], str]] = {
    "icinga2/command.conf": icinga2.check_command,
    "director/basket.json": director.basket,
    "grafana/icinga2-influxdb.json": grafana.dashboard,
    "man/check_ephemeral_port.1": man.page,
    "completion/check_ephemeral_port.bash": bash_completion.completion,
}
"""Who makes which file; paths are relative to ``contrib``."""
