"""The metrics of an observation."""

import pytest

from tests.support.builders import bound, connected, waiting
from tests.support.check_builders import checked, clients, udp_sockets, watch

RED = 3
"""The index of a VRF."""


def labels(check):
    return [perfdata.partition("=")[0].strip("'") for perfdata in check.perfdata]


def perfdata_of(check, label):
    found = [p for p in check.perfdata if p.startswith((f"{label}=", f"'{label}'="))]
    assert len(found) == 1, check.perfdata
    return found[0].partition("=")[2]


def test_perfdata_of_a_host():
    entries = [*clients(11), waiting(40030), bound(40039), *udp_sockets(1)]
    assert checked(*entries).perfdata == [
        "tcp_bind=32.5%;;;0;100",
        "tcp_bind_free=27;;;0;40",
        "tcp_connect=32.5%;80;90;0;100",
        "tcp_connect_fast=60%;;;0;100",
        "tcp_connect_free=27;;;0;40",
        "tcp_sockets=13;;;0",
        "tcp_time_wait=1;;;0",
        "udp_bind=2.5%;80;90;0;100",
        "udp_bind_free=39;;;0;40",
        "udp_sockets=1;;;0",
    ]


def test_a_vrf_has_labels_and_a_sentence_of_its_own():
    inside = clients(39, device=RED)
    check = checked(*clients(4), *inside, question={"vrf": RED})
    assert perfdata_of(check, "tcp_connect").startswith("10%")
    assert perfdata_of(check, "tcp_connect%red") == "97.5%;80;90;0;100"
    assert perfdata_of(check, "tcp_connect%red_free") == "1;;;0;40"
    assert perfdata_of(check, "tcp_bind").startswith("10%")
    sentence = "97% of 40 ports to 192.0.2.7:443 on red used, above 90%, 1 remaining"
    assert sentence in check.summary_str


@pytest.mark.parametrize("left_out", ["tcp", "udp"])
def test_an_unchecked_protocol_has_no_label(left_out):
    found = labels(checked(*clients(3), *udp_sockets(3), question={left_out: False}))
    assert found and not any(label.startswith(left_out) for label in found)


@pytest.mark.parametrize(
    "name, address, suffix",
    [
        ("192.0.2.7:443", "192.0.2.7", "192.0.2.7:443"),
        ("db.example.com:5432", "192.0.2.7", "db.example.com:5432"),
        (
            "[2001:db8::7]:443",
            "2001:db8::7",
            "[2001:0db8:0000:0000:0000:0000:0000:0007]:443",
        ),
    ],
)
def test_a_watched_destination_has_labels_of_its_own(name, address, suffix):
    port = int(name.rpartition(":")[2])
    entries = [connected(40000 + 2 * n, address, port) for n in range(10)]
    check = checked(*entries, question={"watches": (watch(name, address),)})
    fields = perfdata_of(check, f"tcp_connect_{suffix}")
    assert fields == perfdata_of(check, "tcp_connect") == "25%;80;90;0;100"
    assert perfdata_of(check, f"tcp_connect_{suffix}_free") == "30;;;0;40"


def test_no_label_holds_the_separator_of_check_multi():
    question = {"watches": (watch("[::1]:443", "::1"), watch("[::2]:443", "::2"))}
    assert not any("::" in label for label in labels(checked(question=question)))


def test_a_watched_destination_without_connections_has_a_label():
    question = {"watches": (watch("192.0.2.99:443", "192.0.2.99"),)}
    check = checked(*clients(10), bound(40039), question=question)
    assert perfdata_of(check, "tcp_connect_192.0.2.99:443") == "2.5%;80;90;0;100"


def test_100_percent_means_that_no_port_remains():
    assert perfdata_of(checked(*clients(40)), "tcp_connect") == "100%;80;90;0;100"
    assert perfdata_of(checked(*clients(40)), "tcp_connect_free") == "0;;;0;40"
