"""Which network devices belong to which VRF, from Linux's rtnetlink.

Source: rtnetlink(7), kernel ``include/uapi/linux/if_link.h``, ``rtnl_fill_ifinfo()``.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

from .errors import SystemReadError

BUFFER_BYTES = 65536
_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWLINK, _RTM_GETLINK = 2, 3, 16, 18
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_IFLA_MASTER, _IFLA_LINKINFO = 10, 18
_IFLA_INFO_KIND, _IFLA_INFO_SLAVE_KIND = 1, 4
_TYPE_MASK = 0x3FFF
"""The upper bits of an attribute's type are flags."""

_HEADER = struct.Struct("=LHHLL")  # length, type, flags, sequence, port id
_LINK = struct.Struct("=BxHlLL")  # ifinfomsg: family, type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_INDEX = struct.Struct("=L")


def read_vrfs() -> dict[int, int]:
    """The VRF of each device that belongs to one, and of each VRF itself, by index.

    It applies to this thread's network namespace. No privilege is necessary.
    Raises :class:`SystemReadError`.
    """
    if sys.platform != "linux":
        raise SystemReadError("VRFs are known on Linux only")
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    try:
        with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as netlink:
            netlink.send(_links_request())
            vrf_of: dict[int, int] = {}
            done = False
            while not done:
                done, found = decode_links(netlink.recv(BUFFER_BYTES))
                vrf_of.update(found)
            return vrf_of
    except (OSError, ValueError) as error:
        raise SystemReadError(f"rtnetlink: {error}") from None


def _links_request() -> bytes:
    length = _HEADER.size + _LINK.size
    flags = _NLM_F_REQUEST | _NLM_F_DUMP
    return _HEADER.pack(length, _RTM_GETLINK, flags, 0, 0) + bytes(_LINK.size)


def decode_links(data: bytes) -> tuple[bool, dict[int, int]]:
    """Whether the answer is complete, and the VRFs of the devices in this part of it.

    Raises ``ValueError`` if the data is malformed, or if the kernel refuses.
    """
    vrf_of: dict[int, int] = {}
    offset = 0
    try:
        while offset < len(data):
            length, kind, *_ = _HEADER.unpack_from(data, offset)
            if not _HEADER.size <= length <= len(data) - offset:
                raise ValueError(f"malformed message about a device: length {length}")
            if kind == _NLMSG_ERROR:
                raise ValueError("the kernel refuses to list the devices")
            if kind == _NLMSG_DONE:
                return True, vrf_of
            if kind == _RTM_NEWLINK:
                vrf_of.update(_vrf_of_link(data[offset : offset + length]))
            offset += (length + 3) & ~3
    except struct.error as error:
        raise ValueError(f"malformed message about a device: {error}") from None
    return False, vrf_of


def _vrf_of_link(message: bytes) -> dict[int, int]:
    _, _, index, _, _ = _LINK.unpack_from(message, _HEADER.size)
    attributes = dict(_attributes(message[_HEADER.size + _LINK.size :]))
    info = dict(_attributes(attributes.get(_IFLA_LINKINFO, b"")))
    if _text(info.get(_IFLA_INFO_KIND)) == "vrf":
        return {index: index}
    if _text(info.get(_IFLA_INFO_SLAVE_KIND)) == "vrf":
        return {index: _INDEX.unpack(attributes.get(_IFLA_MASTER, b""))[0]}
    return {}


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("ascii", "replace")


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            raise ValueError(f"malformed attribute of a device: length {length}")
        value = data[offset + _ATTRIBUTE.size : offset + length]
        yield kind & _TYPE_MASK, value
        offset += (length + 3) & ~3
