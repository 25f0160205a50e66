"""The clocks of this host, and the place."""

import re
import time
from pathlib import Path

import pytest

from check_ephemeral_port.system.clock import read_moment, read_namespace_id

OUTSIDE = read_namespace_id()


def test_now_is_now_by_both_clocks():
    before, moment = time.time(), read_moment()
    assert before <= moment.wall_seconds <= time.time()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(uptime - moment.uptime_seconds) < 1


def test_a_system_without_the_clock_of_linux_has_another(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= read_moment().uptime_seconds <= time.monotonic()


def test_the_start_of_the_system_has_its_own_name():
    assert read_moment().boot_id == read_moment().boot_id
    assert len(read_moment().boot_id) == 36


def test_a_system_that_does_not_name_its_start_has_clocks(tmp_path):
    moment = read_moment(str(tmp_path))
    assert moment.boot_id == "" and moment.uptime_seconds > 0


@pytest.mark.namespace(ports="40000-40039")
def test_a_namespace_is_a_place_of_its_own():
    assert re.fullmatch(r"net:\[\d+\]", read_namespace_id())
    assert read_namespace_id() != OUTSIDE


def test_a_system_without_namespaces_is_one_place(tmp_path):
    assert read_namespace_id(str(tmp_path)) == ""
