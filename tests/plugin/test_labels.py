"""The tables of labels list exactly the perfdata of real runs."""

import re
import socket

import pytest

from check_ephemeral_port.plugin.labels import (
    DEVICE,
    HOST_PORT,
    LABELS,
    POOL_LABELS,
    PORT_LABELS,
    REMOTE_PORT_LABELS,
    VRF,
)
from tests.support.plugin_process import check
from tests.support.sockets import (
    SO_BINDTODEVICE,
    bind_udp,
    connect,
    held_sockets,
    listen,
    open_sockets,
)

SERVER = ("127.0.0.1", 5000)
LISTENING = f"{SERVER[0]}:{SERVER[1]}"
DESTINATIONS = (LISTENING, "[2001:0db8:0000:0000:0000:0000:0000:0007]:443")


def printed(*arguments):
    """Labels and units of a run. Destinations of ``-d`` are written as in the table."""
    run = check(*arguments)
    found = []
    for label, field in run.perfdata_fields.items():
        for destination in DESTINATIONS:
            label = label.replace(f"_{destination}", f"_{HOST_PORT}")
            label = label.replace(f"{HOST_PORT}%lo", f"{HOST_PORT}%{DEVICE}")
        value = field.partition(";")[0]
        pair = label, re.sub("^[0-9.]+", "", value)
        if pair not in found:
            found.append(pair)
    assert found, run.stdout
    return found


def connect_on_lo():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"lo\0")
    client.connect(SERVER)
    return client


def in_table(labels):
    """All labels but those of VRFs, which few kernels have; see test_vrf.py."""
    return [(label.name, label.unit) for label in labels if VRF not in label.name]


@pytest.mark.namespace(ports="40000-40039", host=True)
def test_runs_print_every_label_of_the_table_and_no_other(tmp_path):
    server = listen()
    remote = printed("-p", "5000", "-H", "127.0.0.1")
    on_lo = connect_on_lo()
    # without a remaining port, the first run already has forecasts
    clients = open_sockets(39, lambda: connect(SERVER))  # the run above took one port
    watch = ("-d", LISTENING, "-d", "[2001:db8::7]:443")
    with held_sockets(server, on_lo, *clients, *open_sockets(40, bind_udp)):
        pool = printed(*watch, "--state-file", str(tmp_path / "state"))
        namespaces = printed(*watch, "--all-netns")
        port = printed("-p", "40000")
        ports = printed("-p", "40000-40001")
    # tests/e2e/test_recorder.py has those of a recorder
    recorded = ("bind_failed", "tcp_connect_failed", "udp_failed")
    table = [one for one in in_table(POOL_LABELS) if one[0] not in recorded]
    assert pool == [one for one in table if not one[0].startswith("netns")]
    assert namespaces == [one for one in table if not one[0].endswith("_eta")]
    assert ports == in_table(PORT_LABELS)
    assert port == [one for one in ports if one[0] != "ports_used"]
    assert remote == in_table(REMOTE_PORT_LABELS)


def test_every_label_is_listed_once():
    names = [label.name for label in LABELS]
    assert len(set(names)) == len(names)
    assert all(label.meaning for label in LABELS)
