"""Failed requests in the text of a recorder, and who made most of them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.failed.counts import BIND, TAKEN, TCP_CONNECT, UDP
from check_ephemeral_port.model.failed.events import (
    ALWAYS,
    Event,
    group_events,
    parse_events,
)
from check_ephemeral_port.model.failed.requests import (
    Culprit,
    FailedGroup,
    FailedRequests,
    Requester,
)
from check_ephemeral_port.model.sockets import Endpoint

FIELDS = (
    "inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP sport=0 dport=443"
    " saddr=198.51.100.1 daddr=192.0.2.7 saddrv6=::ffff:198.51.100.1"
    " daddrv6=::ffff:192.0.2.7 oldstate=TCP_SYN_SENT newstate=TCP_CLOSE"
)
LINE = f"           nginx-812     [001] ..... 11419.420165: {FIELDS}"
"""Linux 6.18; from 5.10 it differs in the number of flags."""
HEAD = "# tracer: nop\n#\n# entries-in-buffer/entries-written: 4/4   #P:2\n#\n"
SERVER = Endpoint("192.0.2.7", 443)
EVENT = Event("nginx", 812, 11419.420165, SERVER, "198.51.100.1")


def parsed(text, kind=TCP_CONNECT, span=ALWAYS):
    return list(parse_events(text, kind, span))


def test_a_connect_has_its_destination_and_source():
    assert parsed(f"{HEAD}{LINE}\n") == [EVENT]
    old = LINE.replace("[001] .....", "[001] ....").replace("nginx-812  ", "nginx-812")
    assert parsed(old) == [EVENT]


def test_ipv6_and_mapped_addresses():
    six = LINE.replace("AF_INET ", "AF_INET6 ")
    assert parsed(six) == [EVENT]
    six = six.replace("=::ffff:192.0.2.7", "=2001:db8::7").replace("::ffff:198.", "::")
    (event,) = parsed(six)
    assert (event.destination, event.source) == (
        Endpoint("2001:db8::7", 443),
        "::51.100.1",
    )


@pytest.mark.parametrize(
    "fields, namespace",
    [
        # Linux 6.12 as fprobe; a kprobe
        (
            "bind: (__inet_bind+0x1d4/0x220 <- inet_csk_get_port) snum=0 ret=-98"
            " net=4026531840",
            4026531840,
        ),
        ("bind: (__inet_bind+0x1d4/0x220 <- inet_csk_get_port) snum=0 ret=-98", None),
    ],
)
def test_a_bind_has_its_namespace_if_the_kernel_records_it(fields, namespace):
    (event,) = parsed(LINE.replace(FIELDS, fields), BIND)
    assert event == Event("nginx", 812, 11419.420165, namespace=namespace)


def test_a_chosen_port_is_the_source():
    fields = "taken: (__inet_bind+0x1d4 <- udp_lib_get_port) chosen=53 ret=-98"
    (event,) = parsed(LINE.replace(FIELDS, fields), TAKEN)
    assert event == Event("nginx", 812, 11419.420165, source="port 53")


@pytest.mark.parametrize(
    "after, until, is_in",
    [
        (11419.420164, 11419.420165, True),
        (11419.420165, 11419.420166, False),
        (11419.420163, 11419.420164, False),
    ],
)
def test_only_events_between_two_runs(after, until, is_in):
    assert parsed(LINE, span=(after, until)) == ([EVENT] if is_in else [])


@pytest.mark.parametrize("forged", [("daddrv6", "x"), ("dport=443", "dport=x")])
def test_an_event_after_a_forged_one_counts(forged):
    assert parsed(f"{LINE.replace(*forged)}\n{LINE}") == [EVENT]


def test_a_forgotten_name_is_unknown():
    (event,) = parsed(LINE.replace("nginx", "<...>"))
    assert event.command == ""


@pytest.mark.parametrize(
    "name",
    ["a-1 [000] ....", "x-1 [0] .. 1.0", "  a b  ", "]: (", "#", "-", "<...", "a=b:"],
)
def test_a_name_can_contain_anything(name):
    (event,) = parsed(LINE.replace("nginx", name))
    assert event == EVENT._replace(command=name.strip())


@given(st.text(max_size=15))
def test_a_name_never_forges_a_destination(name):
    text = LINE.replace("nginx", name)
    assert {event.destination for event in parsed(text)} == {SERVER}


@given(st.text(max_size=200))
def test_other_lines_are_left_out(text):
    for kind in (TCP_CONNECT, BIND, UDP):
        assert len(parsed(f"{text}\n{HEAD}", kind)) <= text.count("\n") + 1


NGINX, CURL = Requester("nginx", "www-data", "own"), Requester("curl", "me", "own")


def test_groups_have_their_first_and_last_time():
    times = [5.0, 1.0, 3.0]
    events = [(EVENT._replace(at_seconds=at), NGINX) for at in times]
    events.append((EVENT._replace(at_seconds=2.0), CURL))
    assert group_events(TCP_CONNECT, events) == [
        FailedGroup(3, TCP_CONNECT, NGINX, SERVER, "198.51.100.1", 1.0, 5.0),
        FailedGroup(1, TCP_CONNECT, CURL, SERVER, "198.51.100.1", 2.0, 2.0),
    ]


def test_the_culprit_is_summed_up_over_sources_and_users():
    groups = [
        FailedGroup(4, TCP_CONNECT, CURL, SERVER, "198.51.100.1", 1, 1),
        FailedGroup(3, TCP_CONNECT, NGINX, SERVER, "198.51.100.1", 1, 1),
        FailedGroup(3, TCP_CONNECT, NGINX, SERVER, "198.51.100.2", 1, 1),
        FailedGroup(9, UDP, CURL, None, None, 1, 1),
        FailedGroup(2, UDP, NGINX, None, None, 1, 1),
    ]
    failed = FailedRequests(Counter({TCP_CONNECT: 20, UDP: 11}), groups)
    assert failed.culprit(TCP_CONNECT) == Culprit(6, 10, "nginx", SERVER, "own")
    assert failed.culprit(UDP) == Culprit(9, 11, "curl", None, "own")
    assert failed.culprit(BIND) is None
