"""The benchmark makes a fair comparison."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.benchmarks.goals import GOALS, SCENES
from tests.benchmarks.measuring import Run, compile_tools, run
from tests.benchmarks.namespaces import NamespaceCost
from tests.benchmarks.recorder import RecorderCost, RecorderCosts
from tests.benchmarks.report import page
from tests.support.farm import PORTS, Farm, Plan
from tests.support.needs import INSTALL, need_program
from tests.support.plugin_process import check


@pytest.fixture
def tools(tmp_path):
    need_program("cc", INSTALL + "gcc libc6-dev")
    return compile_tools(tmp_path)


@pytest.mark.namespace(ports=PORTS)
def test_the_c_program_dumps_the_same_sockets_as_the_check_counts(tools):
    with Farm(Plan(2000, time_wait_share=0.2)), socket.socket() as idle:
        idle.bind(("", 40000))  # no file in /proc lists it
        others = [
            socket.create_server(("::", 40001), family=socket.AF_INET6),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        ]
        others[1].bind(("", 0))
        others[2].bind(("::1", 0))
        rows = int(subprocess.check_output([str(tools / "dump")]))
        perfdata = check().perfdata
    assert rows == 800 + 400 + 2 + 2
    assert rows == perfdata["tcp_sockets"] + perfdata["udp_sockets"]


def test_the_peak_of_a_process_does_not_include_its_parent(tools):
    ballast = bytearray(100 << 20)
    output = subprocess.check_output([str(tools / "measure"), "true"], text=True)
    wall_seconds, cpu_seconds, peak_kib, exit_code = map(float, output.split())
    assert len(ballast) / 1024 > 10_000 > peak_kib > 0
    assert wall_seconds > 0 and cpu_seconds > 0 and exit_code == 0


def test_a_command_that_fails_raises_an_error(tools, monkeypatch):
    monkeypatch.setitem(run.__globals__["COMMANDS"], "ss -Htan", ["false"])
    with pytest.raises(RuntimeError, match="ss -Htan exits with 1"):
        run("ss -Htan", tools)


def test_a_command_can_run_as_on_a_kernel_without_the_option(tools):
    program = "import socket; socket.socket().setsockopt(0, {}, b'1234')"
    refused = [str(tools / "without_port_range"), sys.executable, "-c"]
    done = subprocess.run([*refused, program.format(51)], stderr=subprocess.PIPE)
    assert b"Errno 92" in done.stderr  # ENOPROTOOPT
    done = subprocess.run([*refused, program.format(socket.IP_TOS)])
    assert done.returncode == 0


@pytest.mark.namespace(ports=PORTS)
@pytest.mark.parametrize("scene", ["10k", "namespaces"])
def test_all_processes_end_with_the_benchmark(tools, scene):
    command = [sys.executable, "-m", "tests.benchmarks", scene]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as benchmark:
        assert benchmark.stderr.readline() == f"measuring {scene}\n".encode()
        time.sleep(0.5)  # until the farm is being built or measured
        benchmark.terminate()
        # returns when the last process of the benchmark has closed its output
        _, errors = benchmark.communicate(timeout=30)
        assert errors == b""
    assert benchmark.returncode == -signal.SIGTERM


def test_every_goal_can_be_computed_from_the_medians():
    medians = {
        name: {
            command: Run(1.0 + number, 1.0 + number, 1.0)
            for number, command in enumerate(scene.commands)
        }
        for name, scene in SCENES.items()
    }
    medians["500k"]["check"] = medians["10k"]["check"] = Run(9.0, 9.0, 14.0)
    text = page(medians)
    assert all(f"\n{goal.case} " in text for goal in GOALS)
    assert text.count("MiB") == 2 * 2 + 1


def test_the_page_shows_the_cost_of_each_kind_of_namespace():
    text = page({}, [NamespaceCost("with a socket", 100_000, 0.0123, 0.0091)])
    assert "\nwith a socket  100,000        9.10     12.30\n" in text


def test_the_page_shows_the_cost_of_the_recorder():
    cost = RecorderCost("getppid()", (0.98, 1.0, 1.0219))
    text = page({}, recorder_costs=RecorderCosts([cost], 0.000031, 2))
    assert "\ngetppid()  1.000x    0.980 to 1.022\n" in text
    assert "\nA run reads the counts of all 2 CPUs in 0.03 ms.\n" in text
