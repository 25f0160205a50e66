"""The reference pages in contrib/docs: options and perfdata."""

import re
from collections.abc import Sequence
from textwrap import fill

from check_ephemeral_port.options import build_parser

from .labels import LabelGroup, label_groups
from .options import Group, Option, groups

WIDTH = 88
CODE = "|".join(
    (
        r"(?<![\w-])--?[A-Za-z0-9][a-z-]*",  # options
        r"\w+\(\)",  # functions
        r"[a-z]+_[a-z_]+|[A-Z]+_[A-Z_]+",  # labels, samplers, states
        r"\[@\]\[start:\]\[end\]|\d+[smh]?:(?=[ ,)])",  # ranges
        r"(?<!\w)/[a-z0-9/]+",  # paths
    )
)
"""Parts of a text that are printed as code."""
NOTE = """\
.. Made by `make generated` from {source}.
"""
OPTIONS = """\
Options
=======

{note}
The manual page shows the same list, and ``check_ephemeral_port --help`` the first
sentence of each. Without options the check judges the percentages ``tcp_connect`` and
``udp_bind``. `Perfdata <perfdata.rst>`__ describes these and all other figures.

An option that has no effect together with the others is refused, and so is one that is
given twice. Only ``-d`` and ``-v`` can be repeated.

{groups}
Ranges and exit status
----------------------

{epilog}

A ``%`` sign is accepted where the figure is a percentage. ``-w '~:'`` switches a
default off.

Other values
------------

``DURATION``
    Seconds, or a number with ``ms``, ``s``, ``m`` or ``h``: ``500ms``, ``30s``, ``2m``.
    The ranges of ``--eta-warning`` and ``--eta-critical`` take them as well: ``30m:``
    alarms when less than 30 minutes remain.
``PORT``
    Ports, ranges and names of services, separated by commas: ``443``, ``https``,
    ``8000-8010,9000``. With ``-H`` one port. See `What is port 60840? <port.rst>`_
``HOST:PORT``
    A name or an IPv4 address, or an IPv6 address in brackets: ``[2001:db8::7]:443``.
    The port can be the name of a service: ``db:postgresql``. A
    link-local address needs its device: ``[fe80::1%eth0]:443``. With the others,
    ``192.0.2.7%eth1:443`` watches the connections that are bound to this device or VRF.
``ADDRESS``
    An IPv4 or IPv6 address. ``0.0.0.0`` and ``::`` are the wildcard addresses.
``NAME|PID|PATH``
    See `Containers <containers.rst>`__.

Verbosity
---------

Without ``-v`` the output is one line. ``-v`` adds tables, ``-vv`` more rows and the
bounds of estimates, ``-vvv`` how the sample was taken and how long each stage took.
Perfdata is always on the first line.
"""
PERFDATA = """\
Perfdata
========

{note}
Labels never change their meaning. All perfdata is on the first line of the output, at
any verbosity. Each value has the usual fields: warning and critical range, minimum and
maximum, as far as there are any. Percentages go from 0 to 100.

With ``-d``, the labels that begin with ``tcp_connect`` and have no ``HOST:PORT`` are
for the fullest of the watched destinations. With ``--all-netns``, all but ``netns`` and
``netns_failed`` are for the worst namespace. `How ports are counted <counting.rst>`_
explains the three usages and the labels with ``%DEVICE``, `What is port 60840?
<port.rst>`_ the port check.

{groups}"""


def options_page() -> str:
    """``contrib/docs/options.rst``."""
    return OPTIONS.format(
        note=NOTE.format(source="the options of the program"),
        groups="\n".join(map(_group, groups())),
        epilog=fill(_plain(build_parser().epilog or ""), WIDTH),
    )


def perfdata_page() -> str:
    """``contrib/docs/perfdata.rst``."""
    return PERFDATA.format(
        note=NOTE.format(source="check_ephemeral_port/plugin/labels.py"),
        groups="\n".join(map(_labels, label_groups())),
    )


def _group(group: Group) -> str:
    rows = [(_flags(option), _plain(option.help)) for option in group.options]
    return _section(group.title.capitalize(), _table(("Option", "Meaning"), rows))


def _labels(group: LabelGroup) -> str:
    rows = [
        (_code(label.name), _code(label.unit), _plain(label.meaning))
        for label in group.labels
    ]
    return _section(_plain(group.title), _table(("Label", "Unit", "Meaning"), rows))


def _section(title: str, content: str) -> str:
    return f"{title}\n{'-' * len(title)}\n\n{content}"


def _flags(option: Option) -> str:
    *others, last = option.flags
    value = "|".join(option.choices) or option.metavar or ""
    return ", ".join(map(_code, (*others, f"{last} {value}".rstrip())))


def _table(heading: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for row in (heading, *rows):
        for number, cell in enumerate(row):
            bullet = "   * - " if number == 0 else "     - "
            indent = " " * len(bullet)
            text = fill(
                cell,
                WIDTH,
                initial_indent=bullet,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            lines.append(text or bullet.rstrip())
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """The text in reStructuredText, with literals as code."""
    parts = re.split(f"({CODE})", text)
    return "".join(
        _code(part) if index % 2 else re.sub(r"[\\*`|]", r"\\\g<0>", part)
        for index, part in enumerate(parts)
    )


def _code(text: str) -> str:
    return text and f"``{text}``"
