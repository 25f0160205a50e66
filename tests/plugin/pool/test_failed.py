"""Failed requests on the status line, in the perfdata and in the table for ``-v``."""

import pytest

from check_ephemeral_port.checks.pool import judge_pool, render
from check_ephemeral_port.model.failed.counts import BIND, TAKEN, TCP_CONNECT, UDP
from check_ephemeral_port.model.failed.requests import (
    FailedGroup,
    FailedRequests,
    Requester,
)
from check_ephemeral_port.model.namespaces import Namespace, Survey
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.options import parse_options
from check_ephemeral_port.plugin.layout import section_lines
from check_ephemeral_port.plugin.output.nagios import write_nagios
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.summary import Explanation
from check_ephemeral_port.plugin.pool.tables import failed_section, taken_sections
from tests.support.check_builders import clients, observe

SLOW = "connects are slow because the ports tried first are used up"
SERVER = Endpoint("192.0.2.7", 443)
NGINX = Requester("nginx", "www-data", "own")
CURL = Requester("curl", "me", "own")


def group(failures, who=NGINX, kind=TCP_CONNECT, to=SERVER, source="198.51.100.1"):
    if kind != TCP_CONNECT:
        to = None
        source = "port 53" if kind == TAKEN else None
    return FailedGroup(failures, kind, who, to, source, 60.0, 125.0)


TWELVE = FailedRequests(
    {TCP_CONNECT: 12}, [group(11), group(1, CURL)], since_last_run=True
)


def line(failed, *options, used=5, **more):
    observation = observe(*clients(used))._replace(failed=failed, **more)
    resource = EphemeralPorts(observation)
    judgment = judge_pool(resource, parse_options(options))
    return write_nagios(render(resource, judgment, Explanation()))


def status(*arguments, **more):
    return line(*arguments, **more).partition(" | ")[0].partition("EPHEMERAL_PORT ")[2]


OK = "12% of 40 ports to 192.0.2.7:443 used, 35 remaining"
NOW = f"it was full between the checks - now {OK}"
UDP_OK = "0% of 40 ports for UDP used, 40 remaining"


def test_a_failure_since_the_last_check_is_critical():
    assert status(TWELVE) == (
        "CRITICAL - 12 connects failed since the last check because no port was free,"
        f" 11 to 192.0.2.7:443 by nginx - {NOW}"
    )
    assert " tcp_connect_failed=12;;0;0 " in line(TWELVE)


def test_without_a_failure_the_line_is_as_ever():
    none = TWELVE._replace(counts={TCP_CONNECT: 0}, groups=[])
    assert status(none) == f"OK - {OK} - {UDP_OK}" == status(None)
    assert " tcp_connect_failed=0;;0;0 " in line(none)
    assert "_failed" not in line(None)


@pytest.mark.parametrize(
    "options, state",
    [
        (["--failed-critical", "12"], "OK"),
        (["--failed-critical", "11"], "CRITICAL"),
        (["--failed-critical", "~:"], "OK"),
        (["--failed-critical", "~:", "--failed-warning", "0"], "WARNING"),
        (["--failed-critical", "12", "--failed-warning", "12"], "OK"),
        (["--failed-warning", "0"], "CRITICAL"),
    ],
)
def test_thresholds(options, state):
    text = status(TWELVE, *options)
    assert text.startswith(f"{state} - ")
    assert "12 connects failed since the last check" in text


def test_without_a_last_check_the_default_does_not_alarm():
    first = TWELVE._replace(since_last_run=False, made_seconds_ago=7300)
    failed = (
        "12 connects failed since the recorder was switched on 2 h ago because no port"
        " was free, 11 to 192.0.2.7:443 by nginx"
    )
    assert status(first) == f"OK - {OK} - {failed} - {UDP_OK}"
    assert status(first, "--failed-critical", "0") == (
        f"CRITICAL - {failed} - it was full at that time - now {OK}"
    )


DENIED = "--state-file /x, Permission denied"
MIXED = f"new failures cannot be distinguished from earlier ones ({DENIED})"


@pytest.mark.parametrize(
    "since_last_run, begin, full",
    [
        (True, "an earlier check", "it was full between the checks"),
        (False, "the recorder was switched on 2 h ago", "it was full at that time"),
    ],
)
def test_an_alarm_that_cannot_end_says_why(since_last_run, begin, full):
    failed = TWELVE._replace(
        since_last_run=since_last_run, made_seconds_ago=7300, mixed=DENIED
    )
    what = f"12 connects failed since {begin} because no port was free, 11 to"
    line = f"{what} 192.0.2.7:443 by nginx - {MIXED}"
    assert status(failed) == f"CRITICAL - {line} - {full}"
    assert status(failed, "--failed-critical", "~:") == f"OK - {OK} - {line}"
    both = failed._replace(counts={TCP_CONNECT: 12, BIND: 2})
    assert f" - {MIXED} - 2 calls of bind() to port 0 failed " in status(both)
    assert f" by nginx - {MIXED} - 95% of 40 ports " in status(failed, used=38)
    none = failed._replace(counts={TCP_CONNECT: 0})
    assert status(none) == f"OK - {OK} - {UDP_OK}"


def test_an_alarm_about_figures_has_the_evidence_first():
    assert status(TWELVE, used=38) == (
        "CRITICAL - 12 connects failed since the last check because no port was free,"
        " 11 to 192.0.2.7:443 by nginx - 95% of 40 ports to 192.0.2.7:443 used,"
        f" above 90%, 2 remaining - {SLOW}"
    )
    assert status(TWELVE, used=34).endswith(
        " by nginx - it was full between the checks - now 85% of 40 ports to"
        " 192.0.2.7:443 used, 6 remaining"
    )


def test_a_warning_about_figures_keeps_failures_that_do_not_alarm():
    assert status(TWELVE, "--failed-critical", "~:", used=34) == (
        "WARNING - 85% of 40 ports to 192.0.2.7:443 used, above 80%, 6 remaining - 12"
        " connects failed since the last check because no port was free, 11 to"
        f" 192.0.2.7:443 by nginx - {SLOW}"
    )


@pytest.mark.parametrize(
    "counts, groups, text",
    [
        ({TCP_CONNECT: 1}, [group(1)], "1 connect failed@, all to 192.0.2.7:443 by ng"),
        ({TCP_CONNECT: 3}, [], "3 connects failed@ - it was"),
        (
            {TCP_CONNECT: 100000},
            [group(866)],
            "100000 connects failed@, of the newest 866 all to 192.0.2.7:443 by nginx",
        ),
        (
            {TCP_CONNECT: 2},
            [group(2, Requester(""))],
            "2 connects failed@, all to 192.0.2.7:443 - it was",
        ),
        (
            {TCP_CONNECT: 2},
            [group(2, Requester("nginx", None, "web"))],
            "2 connects failed@, all to 192.0.2.7:443 by nginx in netns web - it was",
        ),
        (
            {BIND: 2},
            [group(2, kind=BIND)],
            "2 calls of bind() to port 0 failed@, all by nginx - it was full between"
            " the checks - now 12% of 40 ports for TCP bind() used, 35 remaining",
        ),
        (
            {TCP_CONNECT: 0, UDP: 1},
            [group(1, CURL, UDP)],
            f"1 UDP request failed@, all by curl - it was full between the checks - now"
            f" {UDP_OK}",
        ),
    ],
)
def test_what_failed_and_whose(counts, groups, text):
    failed = TWELVE._replace(counts=counts, groups=groups)
    why = " since the last check because no port was free"
    assert status(failed).startswith(f"CRITICAL - {text.replace('@', why)}")


def test_names_are_cleaned():
    evil = TWELVE._replace(
        groups=[group(12, Requester("a|b\n<c>; d", "\x1b[0m", "x'y"))]
    )
    assert "all to 192.0.2.7:443 by a?b??c??_d in netns x?y - " in status(evil)


@pytest.mark.parametrize(
    "failed, text",
    [
        (
            FailedRequests(gone=True),
            "the recorder of failed connects was on at the last check and is off now",
        ),
        (
            FailedRequests(unreadable=True),
            "the recorder of failed connects cannot be read any more",
        ),
        (
            FailedRequests({TCP_CONNECT: 0}, paused=True),
            "the recorder of failed connects is paused",
        ),
        (FailedRequests(missing=True), "failed connects are not recorded here"),
    ],
)
def test_a_recorder_that_does_not_record_is_said(failed, text):
    assert status(failed) == f"OK - {OK} - {text} - {UDP_OK}"


def test_failures_are_not_those_of_the_observed_namespace():
    web = {"namespace": Namespace(("/run/netns/web",), "web")}
    begin = "12 connects failed since the last check because no port was free, 11 to"
    assert status(TWELVE, **web) == (
        f"CRITICAL - {begin} 192.0.2.7:443 by nginx - it was full between the checks"
        f" - in netns web now {OK}"
    )
    quiet = status(TWELVE, "--failed-critical", "~:", **web)
    assert quiet.startswith(f"OK - in netns web {OK} - ")
    survey = {**web, "survey": Survey((), ())}
    assert " - in netns web now 12%" in status(TWELVE, **survey)
    only = status(TWELVE, "--protocol", "udp", used=40, **web)
    assert only.startswith(f"CRITICAL - {begin}")


def test_the_table_has_every_group():
    six = Endpoint("2001:db8:1:2:3:4:5:6", 443)
    groups = [
        group(11),
        group(3, Requester("", None, None), to=six, source="2001:db8:a:b:c:d:e:f"),
        group(2, CURL, BIND),
        group(1, CURL, UDP),
    ]
    failed = FailedRequests({TCP_CONNECT: 20, BIND: 2, UDP: 1}, groups, True)
    section = failed_section(failed, 3, lambda seconds: f"{seconds:.0f} s")
    assert section_lines(section) == [
        "failed because no port was free, since the last check: 23",
        "failed  process  to                          from",
        "                 user      netns  first  last",
        "    11  nginx    192.0.2.7:443               198.51.100.1",
        "                 www-data  own    60 s   125 s",
        "     3  ?        [2001:db8:1:2:3:4:5:6]:443  2001:db8:a:b:c:d:e:f",
        "                 -         -      60 s   125 s",
        "     2  curl     bind() to port 0            -",
        "                 me        own    60 s   125 s",
        "7 more",
    ]


def test_a_chosen_port_that_is_taken_has_a_table_of_its_own():
    groups = [group(2, CURL), group(3, kind=TAKEN), group(1, CURL, TAKEN)]
    failed = FailedRequests({TCP_CONNECT: 2}, groups, True, taken=5)
    assert section_lines(failed_section(failed, 9, str))[0].endswith(": 2")
    (section,) = taken_sections(failed, 9, lambda seconds: f"{seconds:.0f} s")
    assert section_lines(section) == [
        "failed because a chosen port is taken, since the last check: 5",
        "failed  process  to             from",
        "                 user      netns  first  last",
        "     3  nginx    a chosen port  port 53",
        "                 www-data  own    60 s   125 s",
        "     1  curl     a chosen port  port 53",
        "                 me        own    60 s   125 s",
        "1 more",
    ]
    assert taken_sections(failed._replace(taken=0), 9, str) == []
    assert "chose" not in status(failed)


def test_without_failures_the_table_says_what_is_recorded():
    none = FailedRequests({TCP_CONNECT: 0, UDP: 0}, since_last_run=True)
    assert section_lines(failed_section(none, 5, str)) == [
        "none failed since the last check (recorded: connects, UDP requests)"
    ]
