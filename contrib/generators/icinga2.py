"""The CheckCommands, in the style of the Icinga Template Library."""

import json
from collections.abc import Iterator, Sequence

from .options import Option, options

SUDO = "ephemeral_port_sudo"
"""The CheckCommand for ``check_ephemeral_port_sudo``."""
SUDO_VARIABLE = "ephemeral_port_check"
SUDO_CHECK = "name of the check in /etc/check_ephemeral_port.conf of the host"
HEAD = """\
/* Icinga 2: the CheckCommands. The first has every option as a custom variable.
 *
 * Goes to: /etc/icinga2/zones.d/global-templates/check_ephemeral_port.conf
 * (on a single node /etc/icinga2/conf.d/), and the plugin to where PluginContribDir
 * points, on Debian /usr/lib/nagios/plugins/check_ephemeral_port.
 *
 * Made by `make generated` from the options of the program.
 */

object CheckCommand "ephemeral_port" {
\tcommand = [ PluginContribDir + "/check_ephemeral_port" ]

\targuments = {
"""
TAIL = f"""\
\t}}
}}

/* The same as root, with the names of all processes. It needs the files in ../sudoers;
 * one of them has the arguments.
 */
object CheckCommand "{SUDO}" {{
\tcommand = [ PluginContribDir + "/check_ephemeral_port_sudo" ]

\targuments = {{
\t\t"check" = {{
\t\t\tvalue = "${SUDO_VARIABLE}$"
\t\t\tskip_key = true
\t\t\trequired = true
\t\t\tdescription = "{SUDO_CHECK}"
\t\t}}
\t}}
}}
"""


def check_command() -> str:
    """The configuration file."""
    arguments = "".join(map(_argument, filter(lambda o: o.checks, options())))
    return HEAD + arguments + TAIL


def variable(option: Option) -> str:
    """The custom variable for an option."""
    return "ephemeral_port_" + option.name.replace("-", "_")


def repeated_flag(option: Option) -> Sequence[str]:
    """The body of a function: it returns ``-vv`` for the number 2."""
    letter = option.flags[0].lstrip("-")
    return (
        'var flag = "-"',
        f'for (i in range(macro("${variable(option)}$"))) {{',
        f'\tflag += "{letter}"',
        "}",
        "return flag",
    )


def _argument(option: Option) -> str:
    lines = "".join(f"\t\t\t{line}\n" for line in _properties(option))
    return f'\t\t"{option.flag}" = {{\n{lines}\t\t}}\n'


def _properties(option: Option) -> Iterator[str]:
    macro = f'"${variable(option)}$"'
    if option.takes_value:
        yield f"value = {macro}"
    else:
        yield f"set_if = {macro}"
    if option.counted:
        yield "skip_key = true"
        yield "value = {{"
        yield from (f"\t{line}" for line in repeated_flag(option))
        yield "}}"
    if option.repeatable:
        yield "repeat_key = true"
    # a string of Icinga 2's language has the escapes of JSON
    yield f"description = {json.dumps(_described(option))}"


def _described(option: Option) -> str:
    choices = f"; one of {', '.join(option.choices)}" if option.choices else ""
    return option.help + choices
