"""The manual page."""

import re

from check_ephemeral_port import __version__
from check_ephemeral_port.options import EXAMPLES, build_parser
from check_ephemeral_port.plugin.labels import Label

from .labels import LabelGroup, label_groups
from .options import Group, Option, groups

HEAD = r""".\" Goes to: /usr/local/share/man/man1/check_ephemeral_port.1
.\" Made by `make generated` from the program.
.TH CHECK_EPHEMERAL_PORT 1 "" "check_ephemeral_port {version}" "Monitoring Plugins"
.SH NAME
check_ephemeral_port \- show how close a host is to running out of ephemeral ports
.SH SYNOPSIS
.B check_ephemeral_port
.RI [ OPTION ]...
.SH DESCRIPTION
"""
FILES = r""".SH FILES
.TP
.I /proc/sys/net/ipv4/ip_local_port_range
The range from which Linux chooses ports.
.TP
.I /proc/sys/net/ipv4/ip_local_reserved_ports
Reserved ports, which it never chooses.
.TP
.I /run/check_ephemeral_port/check_ephemeral_port
The record of failed connects, after
.BR "\-\-recorder on" .
.TP
.IR PATH " of " \-\-state\-file
The history of earlier runs. Each run replaces the file. Only its owner can read it.
.SH PRIVILEGES
States and figures need no privilege. The names of other users\(aq processes need root,
or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Other network namespaces need root, or
CAP_SYS_ADMIN and CAP_SYS_PTRACE; where /proc is mounted with hidepid, even a list of
them does. \-\-recorder needs root.
"""
MORE_EXAMPLES = r"""Warn when fewer than 4000 ports remain, and be critical below 1000:
.PP
.EX
check_ephemeral_port \-w \(aq\(ti:\(aq \-c \(aq\(ti:\(aq \e
    \-\-free\-warning 4000: \-\-free\-critical 1000:
.EE
.PP
Forecast from earlier runs, and warn half an hour before the ports run out:
.PP
.EX
check_ephemeral_port \-\-eta\-warning 30m: \e
    \-\-state\-file /var/lib/nagios/ephemeral_port.state
.EE
.PP
Alarm if any of these ports has no listener:
.PP
.EX
check_ephemeral_port \-p 8000\-8003,https \-\-expect listening
.EE
"""
TAIL = r""".SH SEE ALSO
.BR ip (7),
.BR tcp (7),
.BR ss (8)
"""


def page() -> str:
    """The page in the man macros of roff."""
    parser = build_parser()
    return "".join(
        [
            HEAD.format(version=__version__),
            f"{_escaped(parser.description or '')}\n",
            ".SH OPTIONS\n",
            *map(_section, groups()),
            f".SH RANGES AND EXIT STATUS\n{_escaped(parser.epilog or '')}\n",
            ".SH PERFDATA\nLabels never change their meaning.\n",
            *map(_labels, label_groups()),
            FILES,
            ".SH EXAMPLES\n",
            *(_example(*each) for each in EXAMPLES),
            MORE_EXAMPLES,
            TAIL,
        ]
    )


def _section(group: Group) -> str:
    options = "".join(map(_option, group.options))
    return f".SS {_escaped(group.title.capitalize())}\n{options}"


def _option(option: Option) -> str:
    value = ""
    if option.choices:
        value = r" " + r"\fR|\fB".join(map(_escaped, option.choices))
    elif option.metavar:
        value = rf" \fI{_escaped(option.metavar)}\fB"
    flags = r"\fR, \fB".join(_escaped(flag) for flag in option.flags)
    return f".TP\n\\fB{flags}{value}\\fR\n{_escaped(option.help)}\n"


def _example(arguments: str, use: str) -> str:
    command = _escaped(f"check_ephemeral_port {arguments}".rstrip())
    return f"{_escaped(use[0].upper() + use[1:])}:\n.PP\n.EX\n{command}\n.EE\n.PP\n"


def _labels(group: LabelGroup) -> str:
    return f".SS {_escaped(group.title)}\n{''.join(map(_label, group.labels))}"


def _label(label: Label) -> str:
    unit = f" ({label.unit})" if label.unit else ""
    return f".TP\n\\fB{_escaped(label.name)}\\fR{unit}\n{_escaped(label.meaning)}\n"


def _escaped(text: str) -> str:
    special = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "~": r"\(ti", "^": r"\(ha"}
    escaped = re.sub(r"[\\'~^-]", lambda match: special[match[0]], text)
    # a dot at the start of a line is a command
    return re.sub(r"^\.", r"\\&.", escaped)
