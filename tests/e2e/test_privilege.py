"""A run opens and starts nothing but what it was asked for."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

import check_ephemeral_port
from check_ephemeral_port.model.sockets import AUTO
from check_ephemeral_port.options import UsageError, build_parser, parse_options
from contrib.generators.options import options
from tests.support.needs import INSTALL, need_program
from tests.support.plugin_process import assert_unknown, check, with_stub
from tests.support.sockets import held_connections, held_tcp_ports, listen

ALONE = pytest.mark.namespace(ports="40000-40039")
PACKAGE = Path(check_ephemeral_port.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ONLY_ON_WINDOWS = "windows_program.py"
"""It starts netsh.exe and wevtutil.exe of the system, by their full path and without a
shell. Its own tests check this."""
LOADS_A_LIBRARY = "nagiosplugin.py"
"""It loads parts of the library of this name, and no other one."""
DANGEROUS = {
    *("subprocess", "pickle", "marshal", "shelve", "pty", "runpy", "code", "codeop"),
    *("multiprocessing", "importlib", "tempfile", "shutil", "urllib", "http"),
}
RUNS_OR_EVALUATES = {
    *("eval", "exec", "compile", "__import__", "system", "popen", "fork", "forkpty"),
    *("execv", "execve", "execvp", "execvpe", "execl", "execlp", "execle", "startfile"),
    *("posix_spawn", "posix_spawnp", "spawnl", "spawnv", "spawnve", "spawnvp"),
}


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if module.name != ONLY_ON_WINDOWS],
    ids=lambda module: module.stem,
)
def test_nothing_runs_a_program_or_evaluates_text(module):
    dangerous = (
        DANGEROUS - {"importlib"} if module.name == LOADS_A_LIBRARY else DANGEROUS
    )
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & dangerous
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in dangerous
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if ast.unparse(node.func) == "re.compile":
                continue
            assert name not in RUNS_OR_EVALUATES, f"{name} in line {node.lineno}"


def test_only_three_modules_call_the_c_library():
    using = [module for module in MODULES if "ctypes" in module.read_text()]
    functions = {
        module.name: set(re.findall(r"(?:libc|CDLL\(.*\))\.(\w+)", module.read_text()))
        for module in using
    }
    assert functions == {
        "enter.py": {"setns"},
        "bsd_sysctl.py": {"sysctl", "sysctlbyname"},
        "idle_by_descriptor.py": {"syscall"},  # pidfd_getfd()
        "mounts.py": {"mount", "umount2"},
    }


AUDIT = """
import os, sys
log = os.open({!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(event, arguments):
    if event == "open":
        # imports and reading do not matter here
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            os.write(log, f"writes {{path}}\\n".encode())
    elif event == "socket.__new__":
        os.write(log, f"socket of family {{int(arguments[1])}}\\n".encode())
    elif event.split(".")[0] in ("subprocess", "pty") or event.startswith(
        ("os.exec", "os.system", "os.fork", "os.posix_spawn", "os.spawn", "os.remove",
         "os.rename", "os.mkdir", "os.chmod", "os.kill", "socket.bind",
         "socket.getaddrinfo", "os.putenv", "os.link", "os.symlink", "os.truncate")
    ):
        os.write(log, f"{{event}}\\n".encode())
sys.addaudithook(note)
"""
NETLINK = "socket of family 16"
INET = "socket of family 2"


def actions(tmp_path, *arguments):
    """The actions of a run, as Python's audit hook reports them."""
    log = tmp_path / "log"
    log.write_text("")
    run = check(
        *arguments, env=with_stub(tmp_path, "sitecustomize", AUDIT.format(str(log)))
    )
    assert run.exit_code in (0, 1, 2), run.stdout
    at_random = re.compile(r"\b[0-9a-f]{16}\b")
    return set(at_random.sub("X" * 16, log.read_text()).splitlines())


@ALONE
@pytest.mark.parametrize(
    "mode",
    [
        [],
        ["-vvv"],
        ["--sampler", "sock_diag", "-v"],
        ["--all-netns", "-v"],
        ["--netns", "/proc/self/ns/net"],
        ["-p", "5000", "-v"],
    ],
    ids=" ".join,
)
def test_a_run_takes_one_netlink_socket_and_changes_nothing(tmp_path, mode):
    with held_connections(38):
        never = [] if "-p" in mode else ["--probe", "never"]
        assert actions(tmp_path, *mode, *never) == {NETLINK}


@ALONE
def test_psutil_alone_takes_no_socket(tmp_path):
    assert actions(tmp_path, "--sampler", "psutil") == set()


@ALONE
def test_a_destination_by_address_asks_no_name_service(tmp_path):
    with held_tcp_ports(1):  # without any socket, the check would not ask the kernel
        asked = actions(tmp_path, "-d", "192.0.2.7:443", "-d", "[2001:db8::7]:443")
    assert asked == {NETLINK, "socket.getaddrinfo"}
    # for addresses, getaddrinfo() reads no database and sends nothing by UDP
    counters = udp_sent()
    check("-d", "192.0.2.7:443")
    assert udp_sent() == counters


def udp_sent():
    lines = Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return values[names.index("OutDatagrams")]


@ALONE
def test_only_options_whose_help_says_so_open_a_port(tmp_path):
    with listen():
        connecting = actions(tmp_path, "-p", "5000", "-H", "127.0.0.1")
    assert connecting == {INET, "socket.getaddrinfo"}
    # connected, but it is unclear whether they were bound before
    with held_connections(3, source="127.0.0.1", no_port=False):
        assert actions(tmp_path) == {NETLINK, INET}
        assert actions(tmp_path, "--probe", "never") == {NETLINK}
    helps = {option.flag: option.help for option in options()}
    assert helps["--probe"].startswith("ask connect() which ports can be shared. ")
    assert helps["--probe"].endswith(" No packet is sent")
    takes_one = (
        "Makes one TCP connection, which takes a port here and leaves it in TIME"
    )
    assert takes_one in helps["--hostname"]
    name = "Resolving a name can take a UDP port for a moment"
    assert name in helps["--destination"]


@ALONE
def test_a_state_file_is_all_that_is_written(tmp_path):
    state = tmp_path / "state"
    for _ in range(2):
        assert actions(tmp_path, "--state-file", str(state)) <= {
            *(
                NETLINK,
                "writes state",
                "writes state.XXXXXXXXXXXXXXXX.new",
                "os.rename",
            ),
            *(f"writes {number}" for number in range(20)),  # by descriptor
        }
    assert sorted(os.listdir(tmp_path)) == sorted(
        {"log", "sitecustomize.py", "state"}
        | set(os.listdir(tmp_path)).intersection({"__pycache__"})
    )


KERNEL_COUNTERS = ("ActiveOpens", "PassiveOpens", "AttemptFails", "OutDatagrams")


def counters():
    """The kernel's counts of connections and datagrams in this namespace."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    found: dict[str, str] = {}
    for names, values in zip(lines[::2], lines[1::2]):
        found.update(
            (f"{names.split()[0]} {name}", value)
            for name, value in zip(names.split()[1:], values.split()[1:])
            if name in KERNEL_COUNTERS
        )
    return found


@ALONE
@pytest.mark.parametrize("mode", [[], ["-vvv"], ["-p", "5000", "-v"], ["--all-netns"]])
def test_the_kernel_counts_nothing_that_a_run_opened(mode):
    before = counters()
    check(*mode)
    assert counters() == before and len(before) >= 5


@pytest.fixture
def strace():
    need_program("strace", INSTALL + "strace")


@ALONE
@pytest.mark.usefixtures("strace")
def test_the_kernel_sees_no_port_taken_by_a_run():
    command = ["strace", "-f", "-e", "trace=network,execve,execveat,fork,vfork", "-qq"]
    run = check("-vv", within=[*command, "-o", "/dev/stderr"])
    calls = [line for line in run.stderr.splitlines() if "(" in line]
    assert all(
        "NETLINK" in call or re.search(r"sendto|recvmsg|recvfrom|execve", call)
        for call in calls
        if "AF_UNIX" not in call  # the C library looks up a user
    ), run.stderr
    assert sum("execve(" in call for call in calls) == 1


# -- options from NRPE ---------------------------------------------------------------


def test_no_file_is_read_for_arguments_and_nothing_is_abbreviated(tmp_path):
    parser = build_parser()
    assert parser.fromfile_prefix_chars is None and not parser.allow_abbrev
    file = tmp_path / "arguments"
    file.write_text("--exit-ok\n")
    assert_unknown(check(f"@{file}"), "belongs to no option")
    for short in ("--prob", "--state", "--all", "--exit", "--verb"):
        assert_unknown(check(short), short)


VALUED = [
    flag
    for action in build_parser()._actions
    for flag in action.option_strings
    if action.nargs is None and flag.startswith("--") and flag != "--hostname"
]


@pytest.mark.parametrize("flag", VALUED)
@pytest.mark.parametrize(
    "smuggled", ["--probe", "--state-file=/tmp/x", "-v", "--all-netns", "--", "-t1h"]
)
def test_a_value_never_becomes_an_option(flag, smuggled):
    # as with --option $ARG1$ in a command definition
    with pytest.raises(UsageError, match=flag):
        parse_options([flag, smuggled])


@pytest.mark.parametrize("smuggled", ["--probe", "-v", "--state-file=/tmp/x"])
@pytest.mark.parametrize("flag", ["--netns", "--state-file"])
def test_a_value_behind_an_equals_sign_stays_one(flag, smuggled):
    options = parse_options([f"{flag}={smuggled}"])
    assert options.probe == AUTO and not options.verbose
    assert smuggled in (options.netns, options.state_file)


def test_any_text_in_one_argument_is_one_value():
    for value in ("80 --probe", "80\n--probe", "80;id", "$(id)", "`id`", "80\t-v"):
        assert_unknown(check("-w", value), "--warning", "is not a range")
        assert_unknown(check("--netns", value), "there is no network namespace")


def test_the_content_of_a_named_file_is_never_shown():
    # root by sudo can name any file with --netns: its content must not be printed
    run = check("--netns", "/etc/passwd")
    assert_unknown(run, "/etc/passwd is not a network namespace")
    assert "root:" not in run.stdout


@ALONE
@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "/dev/zero", "/dev/tty"])
def test_special_files_are_not_opened(tmp_path, kind):
    path = tmp_path / "it"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        subprocess.run(
            [
                "python3",
                "-c",
                "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
                str(path),
            ],
            check=True,
        )
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path(kind)
    netns = check("-t", "10s", "--netns", str(path))
    assert_unknown(netns, f"{path} is not a network namespace")
    state = check("-t", "10s", "--state-file", str(path))
    what = "a folder, name a file in it" if kind == "folder" else "not a regular file"
    problem = f"no history, --state-file {path} is {what} - "
    assert (state.exit_code, state.stderr) == (3, "")
    assert state.status.startswith(f"EPHEMERAL_PORT UNKNOWN - {problem}")
