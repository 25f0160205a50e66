"""Packages: built without a network, installed with the distribution's tools, run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from check_ephemeral_port import __version__
from contrib.packaging.release import SUMS
from tests.daemons.filling import FULL, PORTS, filled
from tests.daemons.machine import AS_USER, CONTRIB, PLUGIN, PLUGINS, run
from tests.support.hostile_python import BROKEN, hostile_caller
from tests.support.needs import INSTALL_DAEMONS, need_program, skip_without
from tests.support.shared_build import built_once
from tests.support.sources import ROOT, copy_sources

PACKAGING = CONTRIB / "packaging"
UNIT = "check-ephemeral-port-recorder.service"
RPM = ["rpm", "--dbpath", "/var/lib/rpm"]
"""With its database in the usual folder; Debian's rpm has it in the home folder."""
OFFLINE = ["unshare", "--map-root-user", "--net"]


EPOCH = 1795651200
"""2026-11-26: the time of all files in the packages."""


def build(folder):
    """Build all files of a release without a network, in folder/built."""
    for program in ("dpkg-buildpackage", "rpmbuild"):
        need_program(program, INSTALL_DAEMONS)
    sources = copy_sources(folder / "sources")
    script = (
        "import sys; from pathlib import Path; from contrib.packaging import release;"
        f"release.build(Path(sys.argv[1]), Path(sys.argv[2]), {EPOCH})"
    )
    done = subprocess.run(
        [*OFFLINE, sys.executable, "-c", script, str(sources), str(folder / "built")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if "Unmet build dependencies" in done.stdout:
        skip_without("packages to build with", INSTALL_DAEMONS)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return built_once(tmp_path_factory, "release", build) / "built"


@pytest.fixture
def deb(built):
    (package,) = built.glob("*.deb")
    return package


@pytest.fixture
def rpm(built):
    (package,) = built.glob("*.rpm")
    return package


def test_a_build_in_another_folder_gives_the_same_bytes(built, tmp_path):
    build(tmp_path)
    sums = (tmp_path / "built" / SUMS).read_text()
    assert sums == (built / SUMS).read_text()
    assert len(sums.splitlines()) == 6
    run("sh", "-c", f"cd {built} && sha256sum --strict --check {SUMS}")


def test_the_bill_of_materials_names_all_files_and_libraries(built):
    (bill,) = (json.loads(path.read_text()) for path in built.glob("*.cdx.json"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["timestamp"] == "2026-11-26T00:00:00Z"
    assert bill["metadata"]["component"]["version"] == __version__
    kinds: dict[str, set[str]] = {"library": set(), "file": set()}
    references = {bill["metadata"]["component"]["bom-ref"]}
    for component in bill["components"]:
        kinds[component["type"]].add(component["name"])
        references.add(component["bom-ref"])
    assert len(references) == len(bill["components"]) + 1
    assert kinds["library"] == {"nagiosplugin", "psutil"}
    others = {path.name for path in built.iterdir()} - {SUMS}
    assert kinds["file"] == {name for name in others if not name.endswith(".json")}
    for dependency in bill["dependencies"]:
        assert {dependency["ref"], *dependency.get("dependsOn", ())} <= references


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
    done = subprocess.run(
        ["lintian", "--allow-root", str(deb)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.machine(ports=PORTS)
def test_deb_installs_and_reports_a_full_range(deb, tmp_path):
    # its dependencies are the libraries of the distribution
    run("dpkg", "--install", str(deb))
    assert_it_works(tmp_path)
    assert_checks_run_as_root(f"{PLUGINS}/check_ephemeral_port_sudo")
    assert_links_lead_to_files(Path("/usr/share/doc/check-ephemeral-port"))
    assert_completion_is_installed(zsh="vendor-completions")
    run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{UNIT}")
    assert not list(Path("/etc/systemd/system").glob(f"**/{UNIT}"))  # not enabled
    assert subprocess.run(["man", "-w", "check_ephemeral_port"]).returncode == 0
    run("dpkg", "--purge", "check-ephemeral-port")
    assert not os.path.lexists(PLUGIN)
    assert installed_files("/var/lib", *LEFT_BY_NOBODY) == []


@pytest.mark.machine(ports=PORTS)
def test_rpm_installs_and_reports_a_full_range(rpm, tmp_path):
    # its dependencies are packages of Enterprise Linux; here, those of Debian do
    run(*RPM, "--initdb")
    run(*RPM, "--install", "--nodeps", str(rpm))
    PLUGIN.symlink_to("/usr/lib64/nagios/plugins/check_ephemeral_port")
    assert_it_works(tmp_path)
    run("useradd", "--system", "nrpe")
    assert_checks_run_as_root("/usr/lib64/nagios/plugins/check_ephemeral_port_sudo")
    assert_links_lead_to_files(Path("/usr/share/doc/nagios-plugins-ephemeral-port"))
    assert_completion_is_installed(zsh="site-functions")
    run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{UNIT}")
    run(*RPM, "--erase", "nagios-plugins-ephemeral-port")
    assert installed_files("/usr/share", *LEFT_BY_NOBODY) == []


@pytest.mark.machine(ports=PORTS)
def test_rpm_has_examples_with_the_paths_of_enterprise_linux(rpm):
    run(*RPM, "--initdb")
    run(*RPM, "--install", "--nodeps", str(rpm))
    (folder,) = Path("/usr/share/doc").glob("nagios-plugins-ephemeral-port*")
    for name in ("checkmk", "director", "nagios", "nrpe", "sudoers", "telegraf"):
        for file in (folder / "contrib" / name).iterdir():
            text = file.read_text()
            assert "/usr/lib/nagios" not in text and "nrpe-server" not in text, file


LEFT_BY_NOBODY = (
    *("/etc", "/etc/sudoers.d", "/usr/share/man/man1"),
    *("/usr/lib/python3/dist-packages", "/usr/share/bash-completion/completions"),
)
"""Folders without a file of the package after it is gone."""


def assert_checks_run_as_root(wrapper):
    """As the packages install it, without any further step."""
    for name in ("owners", "namespaces", "forecast"):
        with filled():
            command = [*AS_USER, wrapper, name]
            done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2, done.stdout
        assert f"[{os.getpid()}] holds 38 - " in done.stdout
    assert Path("/var/lib/check_ephemeral_port/forecast.state").stat().st_uid == 0


def assert_links_lead_to_files(folder):
    """All links of README, and of what it links to, exist in the package."""
    documents = [*folder.rglob("*.rst"), *folder.rglob("*.md")]
    assert {"README.rst", "CHANGELOG.rst", "SECURITY.md"} <= {d.name for d in documents}
    for document in documents:
        text = document.read_text()
        links = re.findall(r"<([\w./-]+)>`_|^\.\. image:: (.+)|]\((\S+)\)", text, re.M)
        for link in map("".join, links):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document}: {link}"


def assert_completion_is_installed(zsh):
    """In the folders from which the shells of the distribution read it."""
    for path in (
        "bash-completion/completions/check_ephemeral_port",
        f"zsh/{zsh}/_check_ephemeral_port",
        "fish/vendor_completions.d/check_ephemeral_port.fish",
    ):
        assert Path("/usr/share", path).exists()


def assert_it_works(folder):
    caller = hostile_caller(folder)
    for command in ([], AS_USER):  # root may write compiled modules
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
