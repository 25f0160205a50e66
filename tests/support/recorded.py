"""Outputs of systems that the tests cannot run on; SOURCES.rst has their sources."""

from __future__ import annotations

import json
import socket
from collections import namedtuple
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "recorded"


def recorded(name: str) -> str:
    """The text of a file below ``tests/recorded``."""
    return (FOLDER / name).read_text(encoding="utf-8")


def logged_event(number: int, time: str = "2019-01-16T02:01:10.611477100Z") -> bytes:
    """An event of Windows' System log with this number, as ``wevtutil`` prints it."""
    text = recorded("windows/event-4227.xml").replace(
        "2019-01-16T02:01:10.611477100Z", time
    )
    lines = text.replace('"', "'").replace(" />", "/>").replace("4227", str(number))
    return "".join(line.strip() for line in lines.splitlines()).encode() + b"\r\n"


def psutil_rows(folder: str) -> list[Any]:
    """The answer of psutil's net_connections() on another platform."""
    addr = namedtuple("addr", ["ip", "port"])
    sconn = namedtuple("sconn", ["family", "type", "laddr", "raddr", "status", "pid"])
    return [
        sconn(
            getattr(socket, family),
            getattr(socket, kind),
            addr(*laddr) if laddr else (),
            addr(*raddr) if raddr else (),
            status,
            pid,
        )
        for family, kind, laddr, raddr, status, pid in json.loads(
            recorded(f"{folder}/net_connections.json")
        )
    ]
