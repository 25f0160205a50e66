"""Random hosts with several kinds of clients; what the check says, and the kernel.

``python -m tests.kernel.random_hosts 500`` makes 500 hosts and prints how many figures
were exact, within the bounds, and how many states were too low or too high. Words after
the number select modes of ``--probe``.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.support.namespace import run_in_namespace, set_sysctl
from tests.support.plugin_process import PluginRun, check
from tests.support.sockets import (
    IP_BIND_ADDRESS_NO_PORT,
    in_slice,
    listen,
    on_device,
    reset_at_close,
)

KINDS = (
    *("plain", "bind first", "bind first, reuse", "no port", "on a device"),
    *("slice", "bound and idle", "accepted"),
)
SHARES = (0.05, 0.2, 0.5, 0.75, 0.95, 1.0)
MODES = ("never", "auto", "always")
FIRST_PORT = 40000
SOURCE = "127.0.0.1"
WARNING, CRITICAL = 80, 90


class Host:
    """The clients of one host, made from a seed, in the namespace of the caller."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.size = self.chance.choice((100, 200, 400))
        last = FIRST_PORT + self.size - 1
        set_sysctl("ip_local_port_range", f"{FIRST_PORT} {last}")
        set_sysctl("ip_autobind_reuse", int(self.chance.random() < 0.15))
        count = self.chance.choice((1, 3, 10))
        self.destinations = [(f"127.0.1.{n}", 9000) for n in range(1, count + 1)]
        self.inbound: socket.socket | None = None
        self.held: list[socket.socket] = [listen(*to) for to in self.destinations]
        self.kinds = self.chance.sample(KINDS, self.chance.choice((1, 2, 3)))
        for kind in self.kinds:
            self._fill(kind, int(self.size * self.chance.choice(SHARES)))

    def _fill(self, kind: str, clients: int) -> None:
        with suppress(OSError):  # no port remains
            for number in range(clients):
                to = self.destinations[number % len(self.destinations)]
                self.held += self._client(kind, to)

    def _client(self, kind: str, to: tuple[str, int]) -> Sequence[socket.socket]:
        client = socket.socket()
        try:
            return self._connected(client, kind, to)
        except OSError:
            client.close()
            raise

    def _connected(
        self, client: socket.socket, kind: str, to: tuple[str, int]
    ) -> Sequence[socket.socket]:
        if kind == "bind first, reuse":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "no port":
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if kind == "on a device":
            client.setsockopt(*on_device("lo"))
        if kind == "slice":
            client.setsockopt(*in_slice(FIRST_PORT + 10, FIRST_PORT + 30))
        if kind in ("bind first", "bind first, reuse", "no port", "bound and idle"):
            client.bind((SOURCE, 0))
        if kind == "bound and idle":
            return [client]
        if kind == "accepted":
            self.inbound = self.inbound or listen("127.0.2.1", FIRST_PORT + 7)
            client.connect(self.inbound.getsockname())
            return [client, self.inbound.accept()[0], self.inbound]
        client.connect(to)
        return [client]

    def remaining(self, to: tuple[str, int], device: bool = False) -> int:
        """How many connects to a destination the kernel then allows."""
        made: list[socket.socket] = []
        try:
            while True:
                client = socket.socket()
                made.append(client)
                if device:
                    client.setsockopt(*on_device("lo"))
                client.connect(to)
        except OSError:
            return len(made) - 1
        finally:
            for client in made:
                reset_at_close(client)
                client.close()


class Verdict(NamedTuple):
    """What one mode of ``--probe`` said about a host."""

    mode: str
    exact: bool
    within: bool
    too_low: bool
    """The state is lower than the free ports ask for."""
    too_high: bool
    text: str


def judge_host(seed: int, modes: Sequence[str] = MODES) -> list[Verdict]:
    """Make the host, run the check in each mode, then ask the kernel."""
    host = Host(seed)
    devices = [False, True] if "on a device" in host.kinds else [False]
    asked = host.chance.choice(host.destinations)
    name = f"{asked[0]}:{asked[1]}"
    runs = {
        mode: (check("--probe", mode), check("-vv", "--probe", mode, "-d", name))
        for mode in modes
    }
    free = host.remaining(asked)
    every = [
        *host.destinations,
        *([host.inbound.getsockname()] if host.inbound else []),
    ]
    least = min(host.remaining(to, on) for to in every for on in devices)
    return [
        _verdict(mode, host, *runs[mode], name=name, free=free, least=least)
        for mode in modes
    ]


def _verdict(
    mode: str,
    host: Host,
    plain: PluginRun,
    watched: PluginRun,
    name: str,
    free: int,
    least: int,
) -> Verdict:
    said = watched.perfdata[f"tcp_connect_{name}_free"]
    low, high = watched.free_bounds(f"  to {name}")
    used_percent = 100 * (host.size - least) / host.size
    wanted = 2 if used_percent > CRITICAL else 1 if used_percent > WARNING else 0
    if mode == "never":  # nothing shows it: WARNING is enough for the worst
        wanted_at_least = 1 if wanted == 2 else 0
    else:
        wanted_at_least = wanted
    text = (
        f"{host.kinds} of {host.size} to {len(host.destinations)}: said {said:g}"
        f" ({low}-{high}), free {free}, least {least}: {plain.status}"
    )
    return Verdict(
        mode,
        exact=said == free,
        within=low <= free <= high,
        too_low=plain.exit_code < wanted_at_least,
        too_high=plain.exit_code > wanted,
        text=text,
    )


def main() -> None:
    """Make many hosts and count the verdicts."""
    modes = sys.argv[2:] or MODES
    totals: dict[str, Counter[str]] = {mode: Counter() for mode in modes}
    for seed in range(int(sys.argv[1])):
        for verdict in _run(seed, modes):
            count = totals[verdict.mode]
            for field in ("exact", "within", "too_low", "too_high"):
                count[field] += getattr(verdict, field)
            bad = not verdict.within or verdict.too_low or verdict.too_high
            if bad or (verdict.mode != "never" and not verdict.exact):
                print(seed, verdict.mode, verdict.text, flush=True)
    for mode, count in totals.items():
        print(mode, dict(count), flush=True)


def _run(seed: int, modes: Sequence[str]) -> list[Verdict]:
    with tempfile.NamedTemporaryFile("r") as file:

        def body() -> None:
            with open(file.name, "w") as target:
                json.dump(judge_host(seed, modes), target)

        failure = run_in_namespace(f"{FIRST_PORT}-{FIRST_PORT + 99}", body)
        assert not failure, failure
        return [Verdict(*fields) for fields in json.load(file)]


if __name__ == "__main__":
    main()
