"""The files of contrib/sudoers with real sudo, and attacks on them."""

import subprocess
from pathlib import Path

import pytest

from tests.daemons.filling import IDLE, PORTS
from tests.daemons.machine import AS_USER, PLUGIN, install_plugin, install_sudo
from tests.support.hostile_python import BROKEN, hostile_caller
from tests.support.plugin_process import PluginRun, assert_unknown

CHECKS = ("owners", "namespaces", "forecast")
SHELL_VARIABLES = {
    "ENV": "{0}",
    "BASH_ENV": "{0}",
    "IFS": "s/",
    "CDPATH": "/tmp",
    "PS4": "$({0})",
    "SHELLOPTS": "xtrace",
    "BASH_FUNC_id%%": "() {{ {0}; }}",
}
"""What can make a shell run {0}, or read its own script in another way."""


def as_user(*command, **process):
    done = subprocess.run(
        [*AS_USER, *command], capture_output=True, text=True, **process
    )
    return PluginRun(done.returncode, done.stdout, done.stderr)


@pytest.mark.machine(ports=PORTS)
def test_each_check_runs_as_root():
    install_plugin()
    wrapper = install_sudo()
    PLUGIN.unlink()
    PLUGIN.write_text('#!/bin/sh\nid -u\necho EPHEMERAL_PORT OK - "$@"\n')
    PLUGIN.write_text('#!/bin/sh\necho "EPHEMERAL_PORT $(id -u)" "$@"\n')
    PLUGIN.chmod(0o755)
    for name in CHECKS:
        run = as_user(wrapper, name)
        assert run.stdout.startswith("EPHEMERAL_PORT 0 --"), run.stdout
        done = subprocess.run([wrapper, name], capture_output=True, text=True)
        assert done.stdout == run.stdout  # root needs no sudo


@pytest.mark.machine(ports=PORTS)
def test_the_caller_chooses_nothing_but_a_name():
    install_plugin()
    wrapper = install_sudo()
    sudo = ["sudo", "-n"]
    for arguments in (
        *([], [""], ["other"], ["Owners"], ["owners:"], ["own.rs"], ["*"], [".*"]),
        *(["owners", "--exit-ok"], ["owners", "owners"], ["owners --exit-ok"]),
        *(["--exit-ok"], ["--", "owners"], ["-n", "owners"], ["--state-file", "/x"]),
        *(["../owners"], ["owners/x"], ["owners;id"], ["$(id)"], ["`id`"]),
        *(["owners\nid"], ["owners\n"], ["/p;s/.*/x"], ["\\(owners\\)"], ["ówners"]),
    ):
        for command in ([wrapper], [*sudo, wrapper]):
            run = as_user(*command, *arguments)
            assert_unknown(run, "/etc/check_ephemeral_port.conf")
    others = (
        [str(PLUGIN)],
        [str(PLUGIN), "--warning", "80", "--critical", "90", "--verbose"],
        ["sh", wrapper, "owners"],
        [f"{wrapper}/../check_ephemeral_port"],
        ["cat", "/etc/shadow"],
    )
    for command in others:
        run = as_user(*sudo, *command)
        assert (run.exit_code, run.stdout) == (1, ""), command
    for user in ("nagios", "nobody"):
        assert as_user(*sudo, "-u", user, wrapper, "owners").exit_code == 1


@pytest.mark.machine(ports=PORTS)
def test_what_root_wrote_is_arguments_and_no_program():
    install_plugin()
    wrapper = install_sudo()
    proof = Path("/run/proof")
    with open("/etc/check_ephemeral_port.conf", "a") as file:
        file.write(f"odd: --source $(touch {proof}) ; `touch {proof}` * | > {proof}\n")
    PLUGIN.unlink()
    PLUGIN.write_text("#!/bin/sh\necho 'EPHEMERAL_PORT'\" $#\"\n")
    PLUGIN.chmod(0o755)
    assert as_user(wrapper, "odd").stdout == "EPHEMERAL_PORT 10\n"
    assert not proof.exists()


@pytest.mark.machine(ports=PORTS)
def test_with_sudo_nothing_of_the_caller_is_imported(tmp_path):
    install_plugin()
    wrapper = install_sudo()
    caller = hostile_caller(tmp_path)
    script = caller.home / "script"
    script.write_text(f"#!/bin/sh\nid -u >> {caller.proof}\n")
    for program in ("id", "sed", "sudo", "tail", "tr", "python3", "printf"):
        (caller.home / program).write_text(script.read_text())
    for path in caller.home.iterdir():
        path.chmod(0o755)
    env = {
        **caller.environment,
        **BROKEN,
        **{name: text.format(script) for name, text in SHELL_VARIABLES.items()},
        "PATH": f"{caller.home}:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    # an administrator who trusts the user too much
    kept = " ".join([*caller.environment, *BROKEN, "ENV", "BASH_ENV", "IFS", "CDPATH"])
    Path("/etc/sudoers.d/keep").write_text(f'Defaults env_keep += "{kept}"\n')
    for name in CHECKS:
        for command in ([wrapper], ["/usr/bin/sudo", "-n", wrapper]):
            run = as_user(*command, name, env=env, cwd=caller.home)
            assert (run.exit_code, run.stderr) == (0, ""), run.stdout
            assert run.stdout.startswith(IDLE)
    assert caller.foreign_modules() == []


@pytest.mark.machine(ports=PORTS)
def test_what_sudo_cannot_run_is_unknown():
    install_plugin()
    wrapper = install_sudo()
    rule = Path("/etc/sudoers.d/check_ephemeral_port")
    text = rule.read_text()
    rule.unlink()
    refused = "cannot run the check as root, sudo a password is required"
    assert_unknown(as_user(wrapper, "owners"), refused)
    rule.write_text(text)
    assert as_user(wrapper, "owners").exit_code == 0
    python = Path("/usr/bin/python3").resolve()
    for content, reason in (
        ("#!/bin/sh\necho 'bad | luck' >&2\nexit 1\n", "as root, bad  luck"),
        ("#!/bin/sh\nexit 1\n", "as root, exit code 1"),
        ("#!/no/such/file\n", "as root, "),
    ):
        python.unlink()
        python.write_text(content)
        python.chmod(0o755)
        assert_unknown(as_user(wrapper, "owners"), reason)


@pytest.mark.machine(ports=PORTS)
@pytest.mark.parametrize("limit", ["fsize=0", "nproc=1", "nofile=12", "as=9000000"])
def test_limits_of_the_caller_end_in_a_state_with_its_line(limit):
    install_plugin()
    wrapper = install_sudo()
    run = as_user(
        "prlimit", f"--{limit}:{limit.partition('=')[2]}", wrapper, "forecast"
    )
    assert run.exit_code in (0, 3)
    state = "OK" if run.exit_code == 0 else "UNKNOWN"
    assert run.stdout.startswith(f"EPHEMERAL_PORT {state} - ")
