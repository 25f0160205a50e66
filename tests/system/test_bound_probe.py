"""The experiment that shows whether a port is bound."""

import pytest

from check_ephemeral_port.system.bound_probe import probe_ports
from tests.support.plugin_process import check
from tests.support.sockets import bind, connect, held_sockets, listen, open_sockets

SERVER = ("127.0.0.1", 5000)


def ports_of(sockets):
    return {s.getsockname()[1] for s in sockets}


@pytest.mark.namespace(ports="40000-40039")
def test_bound_and_connected_ports_are_distinguished():
    with listen():
        connected = open_sockets(7, lambda: connect(SERVER))
        bound = open_sockets(5, bind)
        bound += open_sockets(3, lambda: connect(SERVER, "127.0.0.1", no_port=False))
        with held_sockets(*connected, *bound):
            expected = dict.fromkeys(ports_of(connected), False)
            expected.update((port, True) for port in ports_of(bound))
            before = check().perfdata
            assert probe_ports(sorted(expected), 5) == expected
            assert check().perfdata == before


@pytest.mark.namespace(ports="40000-40039")
def test_it_stops_at_the_time_limit():
    assert probe_ports(range(40000, 40040), -1) == {}


NO_SUCH_OPTION = """
import socket
class Older(socket.socket):
    def setsockopt(self, level, option, *value):
        if (level, option) == (0, 51):
            raise OSError(92, "Protocol not available")
        super().setsockopt(level, option, *value)
socket.socket = Older
"""


@pytest.mark.namespace(ports="40000-40039")
def test_without_kernel_support_the_bounds_stay(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(NO_SUCH_OPTION)
    with listen(), listen("127.0.0.2"), connect(("127.0.0.2", 5000)):
        exact = check("-vv", "--probe", "-d", "127.0.0.1:5000")
        assert exact.free_bounds("tcp_connect") == (40, 40)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        run = check("-vv", "--probe", "-d", "127.0.0.1:5000")
    assert run.free_bounds("tcp_connect") == (39, 40)
    assert "note: probe: Protocol not available" in run.stdout
