"""The manual page."""

import re

from check_ephemeral_port import __version__
from check_ephemeral_port.options import build_parser
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
TAIL = r""".SH FILES
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
CAP_SYS_ADMIN and CAP_SYS_PTRACE. \-\-recorder needs root.
.SH EXAMPLES
Warn when fewer than 4000 ports remain, and be critical below 1000:
.PP
.EX
check_ephemeral_port \-w \(aq\(ti:\(aq \-c \(aq\(ti:\(aq \e
    \-\-free\-warning 4000: \-\-free\-critical 1000:
.EE
.PP
Watch one destination, and show the processes that hold its ports:
.PP
.EX
check_ephemeral_port \-d 192.0.2.7:443 \-v
.EE
.SH SEE ALSO
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
