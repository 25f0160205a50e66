"""Makes the files in contrib that are derived from the program, and the picture."""

from collections.abc import Mapping
from typing import Callable

from contrib.pictures import same_ports

from . import completion, description, director, grafana, icinga2, man, reference

FILES: Mapping[str, Callable[[], str]] = {
    "icinga2/command.conf": icinga2.check_command,
    "director/basket.json": director.basket,
    "grafana/icinga2-influxdb.json": grafana.dashboard,
    "man/check_ephemeral_port.1": man.page,
    "completion/check_ephemeral_port.bash": completion.bash,
    "completion/_check_ephemeral_port": completion.zsh,
    "completion/check_ephemeral_port.fish": completion.fish,
    "docs/options.rst": reference.options_page,
    "docs/perfdata.rst": reference.perfdata_page,
    "packaging/description.rst": description.description,
    "docs/same-ports.svg": same_ports.picture,
}
"""The function that makes each file; paths are relative to ``contrib``."""
