"""Files that the kernel generates are read whole, or not at all."""

import mmap
import os
import re

import pytest

from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.kernel_files import (
    FIRST_BYTES,
    GROWTH,
    MOST_BYTES,
    read_kernel_file,
    read_kernel_text,
)
from check_ephemeral_port.system.ranges.linux import read_reserved_ports
from tests.support.namespace import reserve_ports

RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize(
    "ports",
    [
        range(1, 65536, 2),  # the longest list that the kernel can write: 191 kB
        range(1, 22000, 2),  # 64 kB
        range(1, 3500, 2),  # a little more than 8 KiB
    ],
    ids=len,
)
def test_a_long_list_of_the_kernel_is_read_whole(ports):
    reserve_ports(ports)
    assert len(read_kernel_text(RESERVED).split(",")) == len(ports)
    assert read_reserved_ports() == frozenset(ports)


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("size", [FIRST_BYTES, FIRST_BYTES * GROWTH])
def test_a_list_about_as_long_as_the_buffer_is_read_whole(size):
    for first, length in ((99, size - 1), (999, size), (9999, size + 1)):
        # with its comma, each of the others has six bytes
        others = range(10001, 10001 + 2 * (length // 6), 2)
        reserve_ports([first, *others])
        assert len(read_kernel_text(RESERVED)) == length
        assert read_reserved_ports() == {first, *others}


def test_a_file_that_continues_at_the_next_read_is_read_whole():
    size = mmap.PAGESIZE
    # neighbors differ in their permissions, otherwise the kernel would join them
    kinds = (mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE)
    mapped = [mmap.mmap(-1, size, prot=kinds[n % 2]) for n in range(1000)]
    text = read_kernel_text("/proc/self/maps")
    assert text.count("\n") > len(mapped) and len(text) > 10 * FIRST_BYTES
    addresses = [line.partition("-")[0] for line in text.splitlines()]
    assert all(re.fullmatch("[0-9a-f]{8,16}", address) for address in addresses)


def test_a_list_that_may_be_cut_is_an_error(tmp_path):
    file = tmp_path / "list"
    for size, is_whole in ((MOST_BYTES - 1, True), (MOST_BYTES, False)):
        file.write_bytes(bytes(size))
        if is_whole:
            assert len(read_kernel_file(str(file))) == size
        else:
            with pytest.raises(SystemReadError, match="list is longer than"):
                read_kernel_file(str(file))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(SystemReadError, match=f"cannot read {missing}: No such file"):
        read_kernel_file(missing)
    with pytest.raises(SystemReadError, match=f"cannot read {tmp_path}: Is a dir"):
        read_kernel_file(str(tmp_path))


def test_no_descriptor_stays_open():
    before = len(os.listdir("/proc/self/fd"))
    read_kernel_file("/proc/self/status")
    with pytest.raises(SystemReadError):
        read_kernel_file("/proc/self")
    assert len(os.listdir("/proc/self/fd")) == before
