"""Packages: built without a network, installed with the distribution's tools, run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from check_ephemeral_port import __version__
from tests.daemons.filling import FULL, PORTS, filled
from tests.daemons.machine import CONTRIB, PLUGIN, USER, run
from tests.support.hostile_python import BROKEN, hostile_caller
from tests.support.needs import INSTALL_DAEMONS, need_program, skip_without
from tests.support.shared_build import built_once
from tests.support.sources import copy_sources

PACKAGING = CONTRIB / "packaging"
UNIT = "check-ephemeral-port-recorder.service"
RPM = ["rpm", "--dbpath", "/var/lib/rpm"]
"""With its database in the usual folder; Debian's rpm has it in the home folder."""
OFFLINE = ["unshare", "--map-root-user", "--net"]


def build(*command, folder):
    """Run a build with the system's Python and without a network."""
    need_program(command[0], INSTALL_DAEMONS)
    done = subprocess.run(
        [*OFFLINE, *command],
        cwd=folder,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if "Unmet build dependencies" in done.stdout:
        skip_without("packages to build with", INSTALL_DAEMONS)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    (package,) = built_once(tmp_path_factory, "deb", build_deb).glob("*.deb")
    return package


def build_deb(folder):
    sources = copy_sources(folder / "sources")
    shutil.copytree(PACKAGING / "debian", sources / "debian")
    build("dpkg-buildpackage", "--build=binary", "--no-sign", folder=sources)


@pytest.fixture(scope="module")
def rpm(tmp_path_factory):
    (package,) = built_once(tmp_path_factory, "rpm", build_rpm).glob("RPMS/*/*.rpm")
    return package


def build_rpm(top):
    name = f"check_ephemeral_port-{__version__}"
    copy_sources(top / name)
    (top / "SOURCES").mkdir()
    shutil.make_archive(str(top / "SOURCES" / name), "gztar", top, name)
    spec = str(PACKAGING / "check_ephemeral_port.spec")
    build("rpmbuild", "-bb", "--define", f"_topdir {top}", spec, folder=top)


def test_packages_have_the_version_of_the_program():
    changelog = (PACKAGING / "debian/changelog").read_text()
    assert changelog.startswith(f"check-ephemeral-port ({__version__}-")
    spec = (PACKAGING / "check_ephemeral_port.spec").read_text()
    assert re.findall(r"^Version: +(\S+)$", spec, re.MULTILINE) == [__version__]


def test_packages_need_what_the_program_needs():
    setup = (CONTRIB.parent / "setup.cfg").read_text()
    _, _, lines = setup.partition("\ninstall_requires =\n")
    needed = lines.partition("\n\n")[0].split()
    spec = (PACKAGING / "check_ephemeral_port.spec").read_text()
    named = re.findall(r"^Requires: +python3-(.+)$", spec, re.MULTILINE)
    assert [text.replace(" ", "") for text in named] == needed


def test_lintian_finds_nothing_in_the_deb(deb):
    need_program("lintian", INSTALL_DAEMONS)
    # the package is not for Debian's archive, where it would close a request
    unwanted = "initial-upload-closes-no-bugs"
    done = subprocess.run(
        ["lintian", "--allow-root", "--suppress-tags", unwanted, str(deb)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.machine(ports=PORTS)
def test_deb_installs_and_reports_a_full_range(deb, tmp_path):
    # its dependencies are the libraries of the distribution
    run("dpkg", "--install", str(deb))
    assert_it_works(tmp_path)
    run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{UNIT}")
    assert not list(Path("/etc/systemd/system").glob(f"**/{UNIT}"))  # not enabled
    assert subprocess.run(["man", "-w", "check_ephemeral_port"]).returncode == 0
    run("dpkg", "--purge", "check-ephemeral-port")
    assert not os.path.lexists(PLUGIN)
    assert installed_files("/usr/lib/python3/dist-packages") == []


@pytest.mark.machine(ports=PORTS)
def test_rpm_installs_and_reports_a_full_range(rpm, tmp_path):
    # its dependencies are packages of Enterprise Linux; here, those of Debian do
    run(*RPM, "--initdb")
    run(*RPM, "--install", "--nodeps", str(rpm))
    PLUGIN.symlink_to("/usr/lib64/nagios/plugins/check_ephemeral_port")
    assert_it_works(tmp_path)
    run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{UNIT}")
    run(*RPM, "--erase", "nagios-plugins-ephemeral-port")
    assert installed_files("/usr/share", "/usr/share/man/man1") == []


@pytest.mark.machine(ports=PORTS)
def test_rpm_has_examples_with_the_paths_of_enterprise_linux(rpm):
    run(*RPM, "--initdb")
    run(*RPM, "--install", "--nodeps", str(rpm))
    (folder,) = Path("/usr/share/doc").glob("nagios-plugins-ephemeral-port*")
    for name in ("checkmk", "director", "nagios", "nrpe", "sudoers", "telegraf"):
        for file in (folder / name).iterdir():
            text = file.read_text()
            assert "/usr/lib/nagios" not in text and "nrpe-server" not in text, file
    rule = "\nnrpe ALL=(root) NOPASSWD: /usr/lib64/nagios/plugins/check_ephemeral_port "
    assert rule in (folder / "sudoers/check_ephemeral_port").read_text()


def assert_it_works(folder):
    caller = hostile_caller(folder)
    as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]
    for command in ([], as_user):  # root may write compiled modules
        with filled():
            done = subprocess.run(
                [*command, str(PLUGIN)],
                capture_output=True,
                text=True,
                env={**caller.environment, **BROKEN},
                cwd=caller.home,
            )
        assert (done.returncode, done.stderr) == (2, "")
        assert done.stdout.startswith(FULL)
    assert caller.foreign_modules() == []


def installed_files(*folders):
    return [
        path
        for folder in folders
        for path in Path(folder).glob("check?ephemeral*port*")
    ]
