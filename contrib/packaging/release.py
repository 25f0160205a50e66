"""``make release``: builds everything that a release has, twice, and tries each.

From the last commit, into an empty folder: sdist, wheel, the single file, Debian
package and RPM, with a bill of materials and SHA256SUMS. The second build happens in
another folder and has to give the same bytes. Then each file is installed in a clean
root, which is a virtual environment or a new Debian, and run. The latter needs root.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from check_ephemeral_port import __version__

from . import sbom

ROOT = Path(__file__).parents[2]
SPEC = "contrib/packaging/check_ephemeral_port.spec"
DEBIAN = "python3,python3-psutil,python3-nagiosplugin,man-db,rpm,sudo"
"""What the clean Debian has besides its base: what the packages need, and rpm."""
SUMS = "SHA256SUMS"


def main(target: Path) -> None:
    """Build twice, compare, and try."""
    if target.exists() and any(target.iterdir()):
        sys.exit(f"{target} is not empty")
    if os.getuid():
        sys.exit("needs root, to try the packages in a clean root")
    epoch = int(_output("git", "log", "-1", "--format=%ct"))
    with TemporaryDirectory() as folder:
        again = Path(folder, "again")
        for number, built in enumerate((target, again)):
            sources = Path(folder, f"build-{number}", "sources")
            _extract_last_commit(sources)
            build(sources, built, epoch)
        first, second = ((built / SUMS).read_text() for built in (target, again))
        if first != second:
            sys.exit(f"two builds differ:\n{first}\n{second}")
        _try_with_pip(target, Path(folder))
        debian = _try_on_debian(target, Path(folder))
    tried = f"built twice with these sums, installed and run on Debian {debian}"
    sys.stdout.write(f"{tried}:\n{first}")


def build(sources: Path, target: Path, epoch: int) -> None:
    """Build everything into ``target``. The folder above the sources is also used.

    ``epoch`` is the time of all files, in seconds since 1970.
    """
    os.umask(0o022)
    target.mkdir(parents=True, exist_ok=True)
    target = target.resolve()
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(sources.parent),
        "LC_ALL": "C",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    run = partial(_run, cwd=sources, env=environment)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), ".")
    for archive in target.glob("*.tar.gz"):
        archive.write_bytes(with_times(archive.read_bytes(), epoch))
    program = str(target / "check_ephemeral_port")
    run(sys.executable, "contrib/packaging/single_file.py", program)
    shutil.copytree(sources / "contrib/packaging/debian", sources / "debian")
    run("dpkg-buildpackage", "--build=binary", "--no-sign")
    run("rpmbuild", "-bb", "--build-in-place", *_rpm_settings(sources.parent), SPEC)
    for pattern in ("*.deb", "RPMS/*/*.rpm"):
        for package in sources.parent.glob(pattern):
            shutil.move(package, target)

    time = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    bill = target / f"check_ephemeral_port-{__version__}.cdx.json"
    bill.write_text(sbom.bill(__version__, time, _sums(target)))
    lines = [f"{content}  {name}\n" for name, content in sorted(_sums(target).items())]
    (target / SUMS).write_text("".join(lines))


def _rpm_settings(top: Path) -> list[str]:
    same_each_time = {
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
        "_buildhost": "localhost",
        "_topdir": str(top),
    }
    return [f"--define={name} {value}" for name, value in same_each_time.items()]


def with_times(archive: bytes, epoch: int) -> bytes:
    """The same archive, but all files have this time and belong to root."""
    unpacked = BytesIO()
    changed = tarfile.open(fileobj=unpacked, mode="w", format=tarfile.GNU_FORMAT)
    with changed, tarfile.open(fileobj=BytesIO(archive)) as source:
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            content = source.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = "root"
            member.mode &= 0o755
            member.pax_headers = {}
            changed.addfile(member, content)
    return gzip.compress(unpacked.getvalue(), mtime=epoch)


def _sums(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != SUMS
    }


def _extract_last_commit(folder: Path) -> None:
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    _run("git", "archive", "--output", str(archive), "HEAD", cwd=ROOT)
    _run("tar", "--extract", "--file", str(archive), cwd=folder)


def _try_with_pip(target: Path, folder: Path) -> None:
    for package in (*target.glob("*.whl"), *target.glob("*.tar.gz")):
        environment = folder / f"with-{package.name}"
        _run(sys.executable, "-m", "venv", str(environment))
        _run(str(environment / "bin/pip"), "install", "--quiet", str(package))
        _try([str(environment / "bin/check_ephemeral_port")])


def _try_on_debian(target: Path, folder: Path) -> str:
    """The version of that Debian."""
    clean = folder / "debian"
    _run(
        "debootstrap", "--variant=minbase", f"--include={DEBIAN}", "stable", str(clean)
    )
    plugin = "/usr/lib/nagios/plugins/check_ephemeral_port"
    (deb,) = target.glob("*.deb")
    (rpm,) = target.glob("*.rpm")
    # what Enterprise Linux calls the packages that this Debian has
    install_rpm = ["rpm", "--install", "--nodeps", f"/{rpm.name}"]
    for file, installed, install in (
        (deb, plugin, ["dpkg", "--install", f"/{deb.name}"]),
        (rpm, plugin.replace("lib", "lib64", 1), install_rpm),
        (
            target / "check_ephemeral_port",
            plugin,
            ["install", "-D", "/check_ephemeral_port", plugin],
        ),
    ):
        root = folder / f"debian-{file.suffix}"
        _run("cp", "--archive", str(clean), str(root))  # devices, too
        shutil.copy(file, root)
        inside = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc"]
        inside += ["chroot", str(root)]
        _run(*inside, *install)
        _try([*inside, installed])
        shutil.rmtree(root)
    return (clean / "etc/debian_version").read_text().strip()


def _try(program: Sequence[str]) -> None:
    version = subprocess.run([*program, "-V"], stdout=subprocess.PIPE, text=True)
    if version.returncode != 3 or __version__ not in version.stdout:
        sys.exit(f"{program} -V: {version.stdout}")
    check = subprocess.run(program, stdout=subprocess.PIPE, text=True)
    if check.returncode > 2 or not check.stdout.startswith("EPHEMERAL_PORT "):
        sys.exit(f"{program}: {check.stdout}")


def _output(*command: str) -> str:
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
    ).stdout


def _run(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=env,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
