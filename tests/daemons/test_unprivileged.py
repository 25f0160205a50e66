"""What the monitoring user of a distribution sees, without and with capabilities."""

import os
import subprocess

import pytest

from tests.daemons.filling import PORTS
from tests.daemons.machine import PLUGIN, USER, install_plugin
from tests.support.namespace import add_namespace, hold_namespace, run_inside
from tests.support.plugin_process import PluginRun, assert_unknown
from tests.support.sockets import bind_udp, connect, held_sockets, listen, open_sockets

FIX = ", needs root (see contrib/sudoers), or CAP_SYS_ADMIN and CAP_SYS_PTRACE"


def check(*arguments, capabilities="-all"):
    """Run the plugin as the monitoring user."""
    user = ["--reuid", USER, "--regid", USER, "--init-groups"]
    capable = ["--inh-caps", capabilities, "--ambient-caps", capabilities]
    command = ["setpriv", *user, *capable, str(PLUGIN), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return PluginRun(done.returncode, done.stdout, done.stderr)


@pytest.mark.machine(ports=PORTS)
def test_it_shows_all_sockets_of_a_port_and_how_to_see_their_holders():
    install_plugin()
    with listen("127.0.0.1", 60840), connect(("127.0.0.1", 60840)):
        run = check("-p", "60840", "-v")
        assert (run.exit_code, run.stderr) == (0, "")
        counts = {"sockets": 2, "listening": 1, "established": 1, "time_wait": 0}
        assert run.perfdata == counts
        first = "first LISTEN 127.0.0.1:60840, "
        assert f"{first}a process of root, 1 connected" in run.status
        assert (
            "a process without a name: try as root to see those of other" in run.stdout
        )

        run = check("-p", "60840", capabilities="+sys_ptrace,+dac_read_search")
    assert first in run.status and f"[{os.getpid()}] (root), 1 connected" in run.status


@pytest.mark.machine(ports=PORTS)
def test_it_checks_its_own_namespace_and_says_what_others_need():
    install_plugin()
    web, holder = add_namespace("web", "50000-50019"), hold_namespace("50000-50019")
    pid = str(holder.pid)
    opened = run_inside([web], lambda: open_sockets(19, bind_udp))
    with held_sockets(*opened):
        assert check("--netns", "/proc/self/ns/net").exit_code == 0
        for asked, path in (("web", web), (pid, f"/proc/{pid}/ns/net")):
            refused = f"cannot enter network namespace {path}, "
            assert_unknown(check("--netns", asked), refused, FIX)
        run = check("--all-netns")
        assert (run.exit_code, run.stderr) == (3, "")
        which = f"cannot inspect 2 of 3 network namespaces (web, sleep[{pid}]), "
        assert f" UNKNOWN - {which}" in run.status and FIX in run.status
        assert " - in own netns 0% of 40 ports " in run.status

        run = check("--all-netns", capabilities="+sys_admin,+sys_ptrace")
        assert (
            run.exit_code == 2
            and " - in netns web, worst of 3, 95% of 20 " in run.status
        )
        for lone in ("+sys_admin", "+sys_ptrace"):
            assert_unknown(check("--netns", pid, capabilities=lone), FIX)
