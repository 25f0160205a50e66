"""The clocks, the boot id and the network namespace of this host."""

import re
import time
from pathlib import Path

import pytest

from check_ephemeral_port.system.clock import read_moment, read_namespace_id

OUTSIDE = read_namespace_id()


def uptime():
    return float(Path("/proc/uptime").read_text().split()[0])


def test_the_moment_is_now_by_both_clocks():
    before, moment = time.time(), read_moment()
    assert before <= moment.wall_seconds <= time.time()


def test_the_uptime_is_that_of_the_kernel():
    before, moment, after = uptime(), read_moment(), uptime()
    # /proc/uptime leaves out the rest of a hundredth
    assert before <= moment.uptime_seconds < after + 0.01


def test_without_the_clock_of_linux_the_monotonic_clock_is_used(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= read_moment().uptime_seconds <= time.monotonic()


def test_each_boot_has_an_id():
    assert read_moment().boot_id == read_moment().boot_id
    assert len(read_moment().boot_id) == 36


def test_without_a_boot_id_the_clocks_still_work(tmp_path):
    moment = read_moment(str(tmp_path))
    assert moment.boot_id == "" and moment.uptime_seconds > 0


@pytest.mark.namespace(ports="40000-40039")
def test_each_namespace_has_its_own_id():
    assert re.fullmatch(r"net:\[\d+\]", read_namespace_id())
    assert read_namespace_id() != OUTSIDE


def test_without_namespaces_the_id_is_empty(tmp_path):
    assert read_namespace_id(str(tmp_path)) == ""
