"""``make install`` into a folder, as a packager would."""

import re
import subprocess
import sys

import pytest

from check_ephemeral_port import __version__
from tests.support.sources import ROOT, copy_sources

INSTALLED = {
    "bin/check_ephemeral_port",
    "lib/nagios/plugins/check_ephemeral_port",
    "lib/nagios/plugins/check_ephemeral_port_sudo",
    "lib/systemd/system/check-ephemeral-port-recorder.service",
    "share/bash-completion/completions/check_ephemeral_port",
    "share/doc/check_ephemeral_port/README.rst",
    "share/doc/check_ephemeral_port/contrib/docs/options.rst",
    "share/doc/check_ephemeral_port/contrib/nagios/check_ephemeral_port.cfg",
    "share/doc/check_ephemeral_port/contrib/sudoers/check_ephemeral_port",
    "share/fish/vendor_completions.d/check_ephemeral_port.fish",
    "share/man/man1/check_ephemeral_port.1",
    "share/zsh/site-functions/_check_ephemeral_port",
}


@pytest.mark.slow
def test_it_installs_below_destdir_with_the_paths_of_prefix(tmp_path):
    sources, root = copy_sources(tmp_path / "sources"), tmp_path / "root"
    # this environment has what the build needs
    environment = [f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"]
    where = ["PREFIX=/opt/monitoring", f"DESTDIR={root}"]
    done = subprocess.run(
        ["make", "install", *environment, *where],
        cwd=sources,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    below = root / "opt/monitoring"
    assert [path.name for path in root.iterdir()] == ["opt"]
    found = {str(path.relative_to(below)) for path in below.rglob("*")}
    assert found >= INSTALLED

    plugin = below / "lib/nagios/plugins/check_ephemeral_port"
    link = below / "bin/check_ephemeral_port"
    assert str(link.readlink()) == f"/{plugin.relative_to(root)}"
    shown = subprocess.run([plugin, "-V"], capture_output=True, text=True).stdout
    assert shown.startswith(f"check_ephemeral_port {__version__},")
    files = [path for path in below.rglob("*") if path.is_file()]
    for path in files:
        if path != plugin and path.suffix != ".png":
            assert "/usr/lib/nagios/plugins" not in path.read_text(), path
    executable = {path.name for path in files if path.stat().st_mode & 0o111}
    assert executable == {"check_ephemeral_port", "check_ephemeral_port_sudo"}


def test_the_list_of_folders_is_complete():
    """What is in contrib to copy or to read is installed."""
    text = (ROOT / "contrib/packaging/install_files").read_text()
    (line,) = re.findall(r"^for folder in (.*); do$", text, re.MULTILINE)
    apart = {"completion", "generators", "man", "packaging", "pictures"}
    folders = {p.name for p in (ROOT / "contrib").iterdir() if p.is_dir()}
    assert set(line.split()) == folders - apart - {"__pycache__"}
