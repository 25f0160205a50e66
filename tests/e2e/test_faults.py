"""A host in trouble: a right answer, or one line that names what is missing."""

import errno
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from tests.support.farm import PORTS as FARM_PORTS
from tests.support.farm import Children, Farm, Plan
from tests.support.namespace import reserve_ports, set_sysctl
from tests.support.needs import skip_without
from tests.support.odd_sockets import in_flight, in_io_uring, need_io_uring
from tests.support.plugin_process import (
    PROGRAM,
    PluginRun,
    assert_unknown,
    check,
    with_stub,
)
from tests.support.seccomp import refuse_netlink, refuse_sockets
from tests.support.sockets import (
    bind_udp,
    connect,
    held_connections,
    held_sockets,
    held_udp_ports,
    listen,
    open_sockets,
    time_wait,
)
from tests.support.threads import without_first_thread

ALONE = pytest.mark.namespace(ports="40000-40039")
HOST = pytest.mark.namespace(ports="40000-40039", host=True)
MODES = [
    (),
    ("-v",),
    ("--sampler", "sock_diag"),
    ("--sampler", "psutil"),
    ("--all-netns", "-v"),
    ("-p", "5000", "-v"),
    ("-p", "5000", "-H", "127.0.0.1"),
    ("-d", "localhost:5000"),
]
WHY = "|".join(
    [
        *("[Mm]emory", "MemoryError", "a thread", "Cannot allocate", "Too many open"),
        # Python's words if a library cannot be loaded
        *("start new thread", "SystemError", "failed to map", "dependency is missing"),
        # and if a module cannot be compiled
        "field '.*' is required for",
    ]
)


def check_after(preparation, *arguments, **process):
    """Run the program after a statement that cuts down what its process may have."""
    # the limit must not hit Python while it starts: it has its own messages
    program = f"from check_ephemeral_port.__main__ import main; {preparation}; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **process,
    )
    return PluginRun(done.returncode, done.stdout, done.stderr)


def assert_right_or_unknown(run, right):
    """The figures of a run without trouble, or one line that names a cause."""
    if run.exit_code == 3 and not run.perfdata:
        assert_unknown(run)
        assert re.search(WHY, run.stdout), run.stdout
    elif run.exit_code == 3:  # some namespaces could not be inspected
        assert re.search(WHY, run.status), run.stdout
    else:
        assert (run.exit_code, run.stderr) == (right.exit_code, "")
        figures, expected = dict(run.perfdata), dict(right.perfdata)
        figures.pop("time", None), expected.pop("time", None)
        assert figures == expected


DESCRIPTORS = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({0}, {0}))"


@HOST
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_no_free_descriptors(mode):
    with listen(), held_udp_ports(20):
        right, answers = check(*mode), 0
        assert right.exit_code == 0, right.stdout
        for limit in range(3, 10):
            run = check_after(DESCRIPTORS.format(limit), *mode)
            assert_right_or_unknown(run, right)
            answers += run.exit_code == 0
    assert answers >= 2  # with few descriptors already


MEMORY = (
    "import resource as r;"
    " size = int(open('/proc/self/statm').read().split()[0]) * r.getpagesize();"
    " r.setrlimit(r.RLIMIT_AS, (size + {0}, size + {0}))"
)


@HOST
@pytest.mark.parametrize("mode", [(), ("-v", "--all-netns"), ("-p", "5000", "-v")])
def test_no_memory_to_spare(mode):
    with listen(), held_udp_ports(20):
        right = check(*mode)
        for kilobytes in range(0, 40_000, 800):
            run = check_after(MEMORY.format(kilobytes * 1024), *mode)
            # CPython before 3.12 can end like this, once in many thousand runs:
            # Python/errors.c, _PyErr_NormalizeException()
            if run.exit_code != -signal.SIGABRT:
                assert_right_or_unknown(run, right)
    assert run.exit_code == 0


@pytest.mark.parametrize(
    "refuse, reason",
    [
        (
            "lambda *_: (_ for _ in ()).throw(RuntimeError)",
            "cannot start a thread to watch the time",
        ),
        ("lambda *_: 1", "timed out after 1 s while starting"),
    ],
    ids=["refused", "dies at once"],
)
def test_no_thread_to_watch_the_time(tmp_path, refuse, reason):
    env = with_stub(
        tmp_path,
        "sitecustomize",
        f"import _thread\n_thread.start_new_thread = {refuse}",
    )
    run = check("-t", "1s", env=env)
    assert_unknown(run, reason)


STALLED = """
import _thread, time
start = _thread.start_new_thread
_thread.start_new_thread = lambda work, arguments: start(
    lambda: (time.sleep(1.5), work(*arguments)), ()
)
"""


def test_a_host_that_is_stalled_for_a_moment(tmp_path):
    run = check(env=with_stub(tmp_path, "sitecustomize", STALLED))
    assert run.stdout.startswith("EPHEMERAL_PORT ") and run.perfdata
    assert run.stderr == ""


# -- the time limit ---------------------------------------------------------------
# These runs wait for something that never comes. So only the limit can end them.


@HOST
def test_the_time_limit_holds_in_name_resolution(tmp_path):
    for path, text in (
        # otherwise the C library gives up after ten seconds
        ("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"),
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
    ):
        file = tmp_path / os.path.basename(path)
        file.write_text(text)
        subprocess.run(["mount", "--bind", str(file), path], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))  # receives questions but never answers
        for mode, stage in (
            (["-d", "slow.example:443"], "resolving destinations"),
            (["-p", "443", "-H", "slow.example"], "reaching slow.example"),
        ):
            run = check("-t", "500ms", *mode)
            assert_unknown(run, f"timed out after 0.5 s while {stage}")


@contextmanager
def running(*arguments, **process):
    """A run that goes on during the block."""
    with subprocess.Popen(
        [PROGRAM, *arguments], stdout=subprocess.DEVNULL, **process
    ) as run:
        try:
            yield run
        finally:
            run.kill()


SILENT_NETLINK = """
import _socket
class Silent(_socket.socket):
    __slots__ = ()  # socket.socket, its subclass, has its own
    def send(self, data): return len(data)  # the kernel gets no request to answer
_socket.socket = Silent
"""


@pytest.mark.parametrize("mode", [(), ("-p", "5000")])
def test_the_time_limit_holds_in_the_kernel(tmp_path, mode):
    env = with_stub(tmp_path, "sitecustomize", SILENT_NETLINK)
    options = ("--sampler", "sock_diag", *mode)
    with running("-t", "50s", *options, env=env) as other:
        run = check("-t", "500ms", *options, env=env)
        assert other.poll() is None  # its limit is another
    stage = "listing" if mode else "sampling the sockets"
    assert_unknown(run, f"timed out after 0.5 s while {stage}")


@pytest.mark.parametrize("mode", [[], ["-p", "60840"]])
@pytest.mark.parametrize("limit, seconds", [("500ms", "0.5"), ("1ms", "0.001")])
def test_the_time_limit_holds_while_libraries_load(tmp_path, mode, limit, seconds):
    package = tmp_path / "nagiosplugin"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "context.py").write_text("import os; os.read(os.pipe()[0], 1)")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = check("-t", limit, *mode, env=env)
    assert_unknown(run, f"timed out after {seconds} s while starting")
    with_exit_ok = check("--exit-ok", "-t", limit, *mode, env=env)
    assert with_exit_ok == run._replace(exit_code=0)


@pytest.mark.parametrize("arguments", [["-v"], ["-d", "192.0.2.7:443"]])
@pytest.mark.parametrize("late", [False, True], ids=["result", "time is up"])
def test_the_time_limit_holds_if_the_output_is_not_read(tmp_path, arguments, late):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    env = with_stub(tmp_path, "sitecustomize", SILENT_NETLINK if late else "")
    done = subprocess.run(
        [PROGRAM, "-t", "500ms", "--sampler", "sock_diag", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        env=env,
    )
    assert (done.returncode, done.stderr) == (3, b"")
    os.close(reader)
    os.close(writer)


def test_a_time_limit_of_a_century_is_accepted():
    assert check("-t", "999999h").exit_code == 0


CLOCKS = """
import time
_real, _leaps = time.time, [0.0]
def leaping():
    _leaps.append(-2 * (_leaps[-1] or {0}))
    return _real() + _leaps[-1]
time.time = leaping
"""


@ALONE
@pytest.mark.parametrize("leap", [60.0, -60.0, 1e9])
def test_a_clock_that_jumps(tmp_path, leap):
    env = with_stub(tmp_path, "sitecustomize", CLOCKS.format(leap))
    state = ("--state-file", str(tmp_path / "state"), "-v")
    for _ in range(3):
        for run in (check(*state, env=env), check("-t", "20s", *state)):
            assert (run.exit_code, run.stderr) == (0, "")
            assert run.perfdata["tcp_connect"] == 0
            assert not any("eta" in label for label in run.perfdata)


@ALONE
@pytest.mark.parametrize("clock", ["boottime", "monotonic"])
@pytest.mark.parametrize("seconds", [10**6, 10**8])
def test_a_host_whose_uptime_jumps(tmp_path, clock, seconds):
    # as after the migration of a container, forth and back; a time namespace of its own
    there = ["unshare", "--time", f"--{clock}", str(seconds), "--fork"]
    state = ("--state-file", str(tmp_path / "state"), "-v")
    with held_udp_ports(20):
        for number, within in enumerate([(), (), there, there, (), ()]):
            run = check(*state, within=within)
            assert (run.exit_code, run.stderr) == (0, "")
            assert run.perfdata["udp_bind_free"] == 20
            assert not any("eta" in label for label in run.perfdata)
            jumped = clock == "boottime" and number in (2, 4)
            assert ("(a clock jumped)" in run.stdout) == jumped, run.stdout


@ALONE
def test_a_state_file_that_others_could_replace_is_refused(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o777)
    state = f"{folder}/state"
    run = check("--state-file", state)
    assert (run.exit_code, run.stderr) == (3, "")
    assert f"no history, --state-file {state}, every user can replace it" in run.status
    assert os.listdir(folder) == []
    folder.chmod(0o1777)  # like /tmp: others cannot replace files
    assert check("--state-file", state).exit_code == 0


# -- answers of the kernel ---------------------------------------------------------

STRANGE_NETLINK = """
import _socket, random
asked = 0
class Strange(_socket.socket):
    __slots__ = ()  # socket.socket, its subclass, has its own
    def send(self, data):
        global asked
        asked += 1
        return super().send(data)
    def recv(self, size):
        data = bytearray(super().recv(size))
        if self.family != _socket.AF_NETLINK:
            return bytes(data)
{}
        return bytes(data)
_socket.socket = Strange
def interrupt(data):
    offset = 0
    while offset < len(data):
        data[offset + 6] |= 0x10  # NLM_F_DUMP_INTR
        offset += int.from_bytes(data[offset:offset + 4], 'little') + 3 & ~3
"""
INTERRUPTED = "the socket tables changed while they were listed"


def strange(tmp_path, *statements):
    lines = "\n".join("        " + line for line in statements)
    return with_stub(tmp_path, "sitecustomize", STRANGE_NETLINK.format(lines))


@ALONE
def test_a_dump_that_is_always_interrupted_is_repeated_and_reported(tmp_path):
    count = f"open({str(tmp_path / 'count')!r}, 'w').write(str(asked))"
    env = strange(tmp_path, "interrupt(data)", count)
    options = ("-v", "--sampler", "sock_diag", "--protocol", "udp")
    with held_udp_ports(7):
        run = check(*options, env=env)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.perfdata["udp_sockets"] == 7
    assert f"note: {INTERRUPTED}" in run.stdout
    # three attempts, two requests each (IPv4 and IPv6), for the sample and for holders
    assert int((tmp_path / "count").read_text()) <= 3 * 2 + 3 * 2


@ALONE
def test_a_dump_that_is_interrupted_once_is_whole_the_second_time(tmp_path):
    env = strange(tmp_path, "if asked == 1: interrupt(data)")
    with held_udp_ports(7):
        run = check("-v", "--sampler", "sock_diag", env=env)
    assert (run.exit_code, run.perfdata["udp_sockets"]) == (0, 7)
    assert INTERRUPTED not in run.stdout


STRANGE = {
    "truncated": ("data = data.ljust(size)", "cut short"),
    "empty": ("data = b''", "cut short"),
    "short": ("data = data[:-7]", "malformed sock_diag message"),
    "a byte": ("data = data[:1]", "malformed sock_diag message"),
    "garbage": ("data = random.Random(asked).randbytes(len(data))", "sock_diag"),
    "ENOBUFS": ("raise OSError(105, 'No buffer space available')", "No buffer space"),
    "ENOMEM": ("raise OSError(12, 'Cannot allocate memory')", "Cannot allocate"),
    "refused": (
        "data[4:6], data[16:20] = (2, 0), b'\\xff\\xff\\xff\\xff'",
        "sock_diag",
    ),
}


@ALONE
@pytest.mark.parametrize("kind", STRANGE)
def test_strange_answers_of_the_kernel(tmp_path, kind):
    statement, reason = STRANGE[kind]
    env = strange(tmp_path, statement)
    with held_udp_ports(7) as held:
        assert_unknown(check("--sampler", "sock_diag", env=env), "sock_diag", reason)
        only = ("-p", str(held[0].getsockname()[1]), "--sampler", "sock_diag")
        assert_unknown(check(*only, env=env), "sock_diag", reason)
        # psutil goes on alone, and the output says why
        run = check("-vv", env=env)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.perfdata["udp_sockets"] == 7
    assert "note: less exact, without sock_diag: " in run.stdout


# seccomp; systemd's RestrictAddressFamilies= (systemd.exec(5)), or a kernel without it;
# SELinux (kernel: selinux_socket_create()); gVisor (pkg/sentry/socket/netlink)
REFUSALS = [errno.EPERM, errno.EAFNOSUPPORT, errno.EACCES, errno.EPROTONOSUPPORT]


@ALONE
@pytest.mark.parametrize("number", REFUSALS)
def test_no_netlink(number):
    reason = f"[Errno {number}] "

    def within(*mode):
        return check(*mode, preexec_fn=lambda: refuse_netlink(number))

    with listen(), held_udp_ports(38):
        # psutil goes on alone, and the output says why
        run, right = within("-vv"), check("-vv")
        assert (run.exit_code, run.stderr) == (right.exit_code, "") == (2, "")
        assert run.status == right.status and run.perfdata == right.perfdata
        assert f"note: less exact, without sock_diag: {reason}" in run.stdout
        assert within("-p", "5000", "-v").exit_code == 0
        assert within("-p", "5000", "-H", "127.0.0.1").exit_code == 0
        for mode in ("--sampler=sock_diag", "--netns=/proc/self/ns/net"):
            assert_unknown(within(mode), reason)
        everywhere = within("--all-netns")
    assert everywhere.exit_code == 3 and reason in everywhere.status


WITHOUT_FILES = """
import builtins, errno, os
import os.path
def missing(real, answer=None):
    def guarded(path, *arguments, **named):
        if isinstance(path, str) and path.endswith({}):
            if answer is not None:
                return answer
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return real(path, *arguments, **named)
    return guarded
os.open, builtins.open = missing(os.open), missing(builtins.open)
os.path.exists = missing(os.path.exists, False)
"""


@ALONE
@pytest.mark.parametrize("sampler", ["sock_diag", "psutil", "auto"])
def test_a_kernel_without_ipv6(tmp_path, sampler):
    # what ipv6.disable=1 takes away: Documentation/networking/ipv6.rst of the kernel
    files = ("/net/tcp6", "/net/udp6", "/net/sockstat6", "/net/if_inet6")
    env = with_stub(tmp_path, "sitecustomize", WITHOUT_FILES.format(files))

    def refuse():
        refuse_sockets(socket.AF_INET6, errno.EAFNOSUPPORT)

    with held_udp_ports(38), listen():
        for mode in ((), ("-v",), ("-d", "localhost:5000"), ("-d", "[::1]:5000")):
            run = check("--sampler", sampler, *mode, env=env, preexec_fn=refuse)
            assert (run.exit_code, run.stderr) == (2, ""), run.stdout
            assert run.perfdata_fields["udp_bind_free"] == "2;;;0;40"
        port = check("-p", "5000", "--sampler", sampler, env=env, preexec_fn=refuse)
        assert (port.exit_code, port.perfdata["listening"]) == (0, 1)


WITHOUT_UDP = r"""
import _socket
class NoUdp(_socket.socket):
    __slots__ = ("asked",)
    def send(self, data):
        self.asked = data[17]  # sdiag_protocol
        return super().send(data)
    def recv(self, size):
        data = bytearray(super().recv(size))
        if self.family == _socket.AF_NETLINK and self.asked == 17:
            # kernel: inet_diag_lock_handler() without udp_diag
            data = data[:16] + (-2).to_bytes(4, "little", signed=True) + bytes(16)
            data[:6] = len(data).to_bytes(4, "little") + b"\x02\x00"
        return bytes(data)
_socket.socket = NoUdp
"""


@ALONE
def test_a_kernel_without_inet_diag_for_udp(tmp_path):
    env = with_stub(tmp_path, "sitecustomize", WITHOUT_UDP)
    with held_udp_ports(38), held_connections(5):
        refused = check("--sampler", "sock_diag", env=env)
        assert_unknown(refused, "sock_diag, ", "this kernel can't list these sockets")
        run = check("-v", env=env)
        assert (run.exit_code, run.stderr) == (2, "")
        assert run.perfdata_fields["udp_bind_free"] == "2;;;0;40"
        assert "note: less exact, without sock_diag: " in run.stdout
        only_tcp = check("--sampler", "sock_diag", "--protocol", "tcp", env=env)
        assert (only_tcp.exit_code, only_tcp.perfdata["tcp_sockets"]) == (0, 5)


@ALONE
def test_a_sandbox_with_a_proc_like_that_of_gvisor(tmp_path):
    # it has no sockstat, the two files of the pool, and no rules of TIME_WAIT:
    # gVisor, pkg/sentry/fsimpl/proc, tasks_sys.go and task_net.go
    files = (
        *("/net/sockstat", "/net/sockstat6", "tcp_tw_reuse", "tcp_tw_reuse_delay"),
        *("tcp_timestamps", "ip_autobind_reuse", "tcp_max_tw_buckets", "/ns/net"),
    )
    env = with_stub(tmp_path, "sitecustomize", WITHOUT_FILES.format(files))

    def within(*mode):
        refuse = partial(refuse_netlink, errno.EPROTONOSUPPORT)
        return check(*mode, env=env, preexec_fn=refuse)

    with held_udp_ports(38):
        for mode in ((), ("-v",), ("--state-file", str(tmp_path / "state"))):
            run = within(*mode)
            assert (run.exit_code, run.stderr) == (2, "")
            assert run.perfdata_fields["udp_bind_free"] == "2;;;0;40"
        assert_unknown(within("--sampler", "sock_diag"), "sock_diag, [Errno 93]")


COUNTERS = r"""
import os, re
real = os.read
def wrapped(file, size):
    data = real(file, size)
    if data.startswith(b"TcpExt:"):  # /proc/net/netstat
        data = re.sub(rb"\b[0-9]+\b", b"{}", data)
    return data
os.read = wrapped
"""


@ALONE
@pytest.mark.parametrize("value", [2**64 - 1, 2**63, 2**32 - 1, 0])
def test_counters_that_wrap(tmp_path, value):
    set_sysctl("tcp_max_tw_buckets", 5)
    server = listen()
    time_wait(10, server, lambda: connect(("127.0.0.1", 5000)))
    right = check("-v")
    run = check("-v", env=with_stub(tmp_path, "sitecustomize", COUNTERS.format(value)))
    assert (run.exit_code, run.stderr) == (right.exit_code, "")
    assert run.perfdata == right.perfdata
    full = "the TIME_WAIT table is full: 5 sockets of at most 5"
    lines = [" ".join(each.stdout.split()) for each in (right, run)]
    assert all(full in line for line in lines)
    assert "5 connections got none" in lines[0]
    assert (f"{value} connections got none" in lines[1]) == bool(value)


@ALONE
def test_an_experiment_that_does_not_work():
    set_sysctl("tcp_fastopen", 0)
    remotes = [(f"127.0.0.{1 + n % 10}", 5000) for n in range(40)]
    with listen("0.0.0.0"):
        bound_first = [connect(to, "127.0.0.1", no_port=False) for to in remotes]
        with held_sockets(*bound_first):
            run = check("-v")
    assert run.exit_code == 1
    assert "remaining by estimate, perhaps 0" in run.status
    assert "note: probe: net.ipv4.tcp_fastopen has the client off" in run.stdout


SIGNALS = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
"""


@ALONE
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_signals_that_interrupt_every_call(tmp_path, mode):
    with listen(), held_udp_ports(20):
        right = check(*mode)
        run = check(*mode, env=with_stub(tmp_path, "sitecustomize", SIGNALS))
    assert (run.exit_code, run.stderr) == (right.exit_code, "")


# -- /proc -------------------------------------------------------------------------


def unprivileged(*arguments, **process):
    """A run without privilege over the processes of this test."""
    return check(*arguments, within=["unshare", "--map-root-user"], **process)


@HOST
@pytest.mark.parametrize("hidepid", ["1", "2", "4"])
def test_proc_that_hides_processes(hidepid):
    with listen(), held_udp_ports(38):
        right = check("-v")
        remount = ["mount", "-o", f"remount,hidepid={hidepid}", "/proc"]
        subprocess.run(remount, check=True)
        own, run = check("-v"), unprivileged("-v")
        assert f"[{os.getpid()}] holds 38" in own.status
        assert run.exit_code == right.exit_code == 2
        assert run.perfdata_fields == right.perfdata_fields
        assert " holds 38" in run.status
        if hidepid == "4":  # 2 exempts group 0, the group of root
            assert " - a process of root holds 38" in run.status
        assert unprivileged("-p", "5000").exit_code == 0
        assert unprivileged("--all-netns").exit_code in (2, 3)


@HOST
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_no_proc_at_all(mode):
    with listen():
        subprocess.run(["mount", "-t", "tmpfs", "none", "/proc"], check=True)
        run, by_psutil = check(*mode), check("-p", "5000", "--sampler", "psutil")
    assert run.stderr == ""
    if "-p" in mode:
        assert run.exit_code == 0
        assert (
            "-H" in mode or "ephemeral range unknown - 1 socket, LISTEN" in run.status
        )
    elif "--all-netns" in mode:
        assert run.exit_code == 3
        missing = "no /proc/self/net/dev"
        assert f"cannot distinguish network namespaces, {missing}" in run.status
    else:
        assert_unknown(run, "cannot read /proc/sys/net/ipv4/ip_local_port_range")
    assert_unknown(by_psutil, "/proc/net/tcp")


@ALONE
def test_a_range_that_changes_while_it_is_read():
    def change():
        while True:
            for ports in ("40000 40099", "40000 40039"):
                set_sysctl("ip_local_port_range", ports)

    with held_udp_ports(20), forked(change):
        for _ in range(20):
            run = check()
            if run.exit_code == 3:
                assert_unknown(run, "change while they are read")
            else:
                assert run.exit_code == 0
                assert run.perfdata["udp_bind_free"] in (20, 80)


@ALONE
@pytest.mark.parametrize("sampler", ["sock_diag", "psutil", "auto"])
def test_every_port_reserved(sampler, tmp_path):
    set_sysctl("ip_local_reserved_ports", "40000-40039")
    with listen():
        # the kernel refuses each kind of request
        for kind, request in (
            (socket.SOCK_STREAM, lambda s: s.connect(("127.0.0.1", 5000))),
            (socket.SOCK_STREAM, lambda s: s.bind(("127.0.0.1", 0))),
            (socket.SOCK_DGRAM, lambda s: s.connect(("127.0.0.1", 5000))),
        ):
            with socket.socket(socket.AF_INET, kind) as client:
                with pytest.raises(OSError):
                    request(client)
        for mode in (
            *((), ("-v",), ("-d", "127.0.0.1:5000", "-vvv")),
            *(("--source", "127.0.0.1"), ("--state-file", str(tmp_path / "state"))),
            *(("--probe", "-v"), ("-w", "~:", "-c", "~:", "--free-critical", "5:")),
        ):
            run = check("--sampler", sampler, *mode)
            assert (run.exit_code, run.stderr) == (2, ""), run.stdout
            assert ", every port of the range is reserved" in run.status
            assert " 0 ports were" not in run.stdout and "holds" not in run.status
            assert run.perfdata_fields["tcp_connect_free"].endswith(";0;0")
        if sampler != "psutil":
            assert check("--all-netns", "--sampler", sampler).exit_code == 2
        assert "no ports for UDP, every" in check("--protocol", "udp").status
        assert check("-p", "5000").exit_code == 0


@ALONE
@pytest.mark.parametrize("mode", [(), ("--netns", "/proc/self/ns/net", "-v")])
def test_reserved_ports_at_the_end_of_a_long_list(mode):
    # 8 KiB of the list end long before the range of this test
    reserve_ports([*range(1, 40000, 2), *range(40000, 40038)])
    with held_udp_ports(2):
        run = check(*mode)
    assert (run.exit_code, run.stderr) == (2, "")
    assert "100% of 2 ports for UDP used, above 90%, none remaining" in run.status
    assert run.perfdata_fields["udp_bind_free"] == "0;;;0;2"


# -- environment -------------------------------------------------------------------


@ALONE
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "xx_YY.nowhere", "LANG": "\udcff"},
        {
            "HOME": "/no/such/folder",
            "TMPDIR": "/no/such/folder",
            "TZ": "Nowhere/At_All",
        },
        {"PYTHONIOENCODING": "utf-16"},
        {"COLUMNS": "1", "LINES": "0"},
    ],
    ids=repr,
)
def test_the_environment_changes_nothing(env):
    with held_udp_ports(38):
        # not auto: its choice depends on the sockets of the whole machine
        right = check("-v", "--sampler", "psutil")
        assert check("-v", "--sampler", "psutil", env=env) == right
        assert check("-v", "-w", "\udcff\u202e", env=env).exit_code == 3
        assert check("-h", env={**env, "COLUMNS": "80"}) == check("-h")


@ALONE
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_closed_standard_streams_are_harmless(closed, mode):
    with listen():
        right = check(*mode)
        done = subprocess.run(
            f"exec {PROGRAM} {' '.join(mode)} {closed}",
            shell=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    run = PluginRun(done.returncode, done.stdout, "")
    assert (run.exit_code, set(run.perfdata)) == (right.exit_code, set(right.perfdata))


@ALONE
@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_a_file_with_the_descriptor_of_stdout_gets_no_output(closed, mode, tmp_path):
    state = tmp_path / "state"
    if "-p" not in mode and "--all-netns" not in mode:
        mode = (*mode, "--state-file", str(state))
    with listen():
        done = subprocess.run(
            f"exec {PROGRAM} {' '.join(mode)} {closed}",
            shell=True,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (3, b"")
    if str(state) in mode:
        assert state.read_bytes().startswith(b'{"version":1')


# -- stress ------------------------------------------------------------------------


@contextmanager
def forked(*works):
    """Run each of ``works`` in a child process until the end of the block."""
    pids = [fork(work) for work in works]
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    return pid


@ALONE
def test_processes_that_come_and_go_during_the_lookup_of_holders():
    assert_the_holder_is_found_among_others_that_come_and_go(20)


@pytest.fixture
def own_pid_max():
    # before, a root user would change that of the whole machine
    if [int(n) for n in re.findall(r"\d+", os.uname().release)[:2]] < [6, 14]:
        skip_without("Linux 6.14", "run on a newer kernel")


@HOST
@pytest.mark.usefixtures("own_pid_max")
def test_pids_that_are_used_again():
    # so few that each number returns within a second
    with open("/proc/sys/kernel/pid_max", "w") as file:
        file.write("330")
    assert_the_holder_is_found_among_others_that_come_and_go(8)


def assert_the_holder_is_found_among_others_that_come_and_go(times):
    def breed():
        for holder in held:  # only the parent keeps these open
            holder.close()
        while True:
            child = os.fork()
            if child == 0:
                sockets = open_sockets(3, bind_udp)
                time.sleep(0.002 * len(sockets))
                os._exit(0)
            os.waitpid(child, 0)

    # so few sockets that the kernel lists them in one piece. Between two pieces, rows
    # can move and be skipped
    with held_udp_ports(20) as held:
        with forked(*[breed] * 3):
            for _ in range(times):
                run = check("-vv", "-w", "40")
                assert run.exit_code == 1 and run.stderr == ""
                assert 20 <= run.perfdata["udp_sockets"] <= 29
                assert f"[{os.getpid()}] holds 20" in run.status
                port = held[0].getsockname()[1]
                assert check("-p", str(port), "-v").exit_code == 0
                assert check("--all-netns").exit_code in (0, 3)


@HOST
@pytest.mark.parametrize("sampler", ["sock_diag", "auto"])
def test_a_holder_whose_first_thread_has_ended(sampler):
    with without_first_thread(38) as pid:
        run = check("--sampler", sampler, "-v")
        assert (run.exit_code, run.stderr) == (2, "")
        holder = re.escape(f"{comm(pid)}[{pid}]")
        assert re.search(f" - {holder} holds 38 - ", run.status)
        assert re.search(rf"^{holder} +\S+ +38$", run.stdout, re.MULTILINE)
        short = check("--sampler", sampler)
        assert short.status == run.status
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            others = {40000 + n for n in range(40)} - {probe.getsockname()[1]}
        ports = [check("-p", str(port)).status for port in sorted(others)[:3]]
        assert any(f"{comm(pid)}[{pid}]" in status for status in ports)


def comm(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


@pytest.fixture
def io_uring():
    need_io_uring()


@HOST
@pytest.mark.usefixtures("io_uring")
@pytest.mark.parametrize("sampler", ["sock_diag", "auto"])
def test_sockets_of_an_io_uring_without_descriptors(sampler):
    with in_io_uring(open_sockets(38, bind_udp)):
        run = check("--sampler", sampler)
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.perfdata_fields["udp_bind_free"] == "2;;;0;40"
    assert f"[{os.getpid()}] holds 38" in run.status


@HOST
@pytest.mark.parametrize("sampler", ["sock_diag", "psutil", "auto"])
def test_sockets_in_flight_over_a_unix_socket(sampler):
    with in_flight(open_sockets(38, bind_udp)):
        run = check("--sampler", sampler, "-v")
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.perfdata_fields["udp_bind_free"] == "2;;;0;40"
    # psutil does not show whose they are
    assert re.search(" - (a process of root|unknown process) holds 38 - ", run.status)
    assert not re.search(r"\w\[\d+\] holds", run.status)  # nobody is blamed


MANY_DESCRIPTORS = 100_000
"""The descriptors of one process, if the hard limit allows so many."""


@pytest.fixture
def many_descriptors():
    """The number of descriptors that each process of the test can have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(MANY_DESCRIPTORS, before[1])
    # outside of the namespace of the test, root can raise the limit
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (MANY_DESCRIPTORS,) * 2)
        number = MANY_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, max(number, before[1])))
    yield number - 100
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@HOST
def test_a_process_with_many_thousand_descriptors(many_descriptors):
    with Children() as children:
        children.start(lambda: descriptors_and_ports(many_descriptors))
        children.wait_until_ready()
        (pid,) = children.pids
        for mode in ((), ("-v",), ("--sampler", "sock_diag")):
            run = check(*mode)
            assert (run.exit_code, run.stderr) == (2, "")
            assert f"[{pid}] holds 38" in run.status


def descriptors_and_ports(number):
    """Descriptors that are no sockets, then 38 that are."""
    file = os.open(os.devnull, os.O_RDONLY)
    return [*(os.dup(file) for _ in range(number)), *open_sockets(38, bind_udp)]


MANY_PROCESSES = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **arguments) {
    for (int number = atoi(arguments[1]); number; number--) {
        switch (fork()) {
        case -1: return 1;
        case 0: pause(); return 0;
        }
    }
    puts("ready");
    fflush(stdout);
    pause();
}
"""


@pytest.mark.slow
@HOST
def test_20000_processes(tmp_path):
    with open("/proc/sys/kernel/pid_max") as file:
        assert int(file.read()) > 25_000
    (tmp_path / "many.c").write_text(MANY_PROCESSES)
    many = str(tmp_path / "many")
    subprocess.run(["gcc", "-O1", "-o", many, f"{many}.c"], check=True)
    with (
        held_udp_ports(38),
        subprocess.Popen(
            [many, "20000"], stdout=subprocess.PIPE, start_new_session=True
        ) as parent,
    ):
        try:
            assert parent.stdout.readline() == b"ready\n"
            for mode in ((), ("-v", "--all-netns"), ("--sampler", "sock_diag")):
                run = check(*mode)
                assert (run.exit_code, run.stderr) == (2, "")
                assert f"[{os.getpid()}] holds 38" in run.status
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.namespace(ports="32768-60999")
def test_a_churn_of_50000_connections():
    reader, writer = os.pipe()

    def churn(address):
        server = listen(address)
        while True:
            for _ in range(100):
                with connect((address, 5000)), server.accept()[0]:
                    pass
            os.write(writer, b".")  # 100 more are done

    churners = [partial(churn, "127.0.0.2"), partial(churn, "127.0.0.3")]
    made, runs = 0, 0
    with held_connections(100), forked(*churners):
        while made < 50_000 or runs < 30:
            for mode in ((), ("-v", "--sampler", "sock_diag"), ("-p", "5000")):
                run = check(*mode)
                assert (run.exit_code, run.stderr) == (0, ""), run.stdout
                runs += 1
            assert check("-d", "127.0.0.1:5000").perfdata[
                "tcp_connect_127.0.0.1:5000"
            ] == pytest.approx(100 * 100 / 28232, abs=0.01)
            made += 100 * len(os.read(reader, 65536))


@pytest.mark.slow
@pytest.mark.namespace(ports=FARM_PORTS)
def test_500000_sockets():
    with Farm(Plan(500_000)) as farm:
        run = check("-v", "-w", "40")
        assert (run.exit_code, run.stderr) == (1, "")
        assert run.perfdata["tcp_sockets"] == farm.plan.connections == 250_000
        assert "python" in run.status
        port = check("-p", "20000", "-v")
        assert (port.exit_code, port.stderr) == (0, "")
        assert port.perfdata["established"] == 250_000
        assert len(run.stdout) < 8000 and len(port.stdout) < 8000
        # the limit holds if there is not enough time
        with running("--sampler", "psutil") as other:
            run = check("-t", "1s", "--sampler", "psutil")
            assert other.poll() is None  # it began first, and needs longer
        assert_unknown(run, "timed out after 1 s")
