"""A Grafana dashboard for what Icinga 2's InfluxdbWriter stores in InfluxDB."""

import json
from typing import Any, NamedTuple

from check_ephemeral_port.plugin.labels import DEVICE, HOST_PORT, POOL_LABELS, VRF


def _one_of(*endings: str, unit: str = "", of_destinations: bool = False) -> str:
    """A regular expression for the labels with this unit and one of these endings."""
    return "|".join(
        # a device or VRF with an underscore in its name is not drawn: it could be an
        # ending
        label.name.replace(HOST_PORT, ".*:[0-9]+")
        .replace(DEVICE, "[^_]+")
        .replace(VRF, "[^_]+")
        for label in POOL_LABELS
        if label.unit == unit
        and label.name.endswith(endings)
        and (HOST_PORT in label.name) == of_destinations
    )


MEASUREMENTS = "/^ephemeral_port(_windows|_sudo)?$/"
"""The CheckCommands: Icinga 2 writes the results of each under its name."""
USED = _one_of("", unit="%")
FREE = _one_of("_free")
SOCKETS = _one_of("_sockets", "_time_wait")
DESTINATIONS = _one_of("", unit="%", of_destinations=True)


class Panel(NamedTuple):
    """One diagram."""

    title: str
    labels: str
    """A regular expression for the perfdata labels."""
    worst: str
    """The value that represents an interval: its ``max`` or its ``min``."""
    percent: bool


PANELS = (
    Panel("Ports used", USED, "max", True),
    Panel("Ports remaining", FREE, "min", False),
    Panel("Ports used, by watched destination", DESTINATIONS, "max", True),
    Panel("Sockets", SOCKETS, "max", False),
)


def dashboard() -> str:
    """The file."""
    content = {
        "title": "Ephemeral ports",
        "uid": "ephemeral-ports",
        "description": "For what Icinga 2's feature influxdb stores."
        " Goes to: Grafana, Dashboards, Import.",
        "tags": ["icinga2"],
        "schemaVersion": 36,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_data_source(), _host()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }
    return json.dumps(content, indent=2) + "\n"


def _data_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "InfluxDB",
        "type": "datasource",
        "query": "influxdb",
    }


def _host() -> dict[str, Any]:
    return {
        "name": "host",
        "label": "Host",
        "type": "query",
        "datasource": _from_variable(),
        "query": f'SHOW TAG VALUES FROM {MEASUREMENTS} WITH KEY = "hostname"',
        "refresh": 2,
        "sort": 1,
    }


def _from_variable() -> dict[str, str]:
    return {"type": "influxdb", "uid": "${datasource}"}


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    limits = {"unit": "percent", "min": 0, "max": 100} if panel.percent else {"min": 0}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _from_variable(),
        "gridPos": {"h": 9, "w": 12, "x": number % 2 * 12, "y": number // 2 * 9},
        "fieldConfig": {"defaults": limits, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi"},
        },
        "targets": [
            {
                "refId": "A",
                "datasource": _from_variable(),
                "rawQuery": True,
                "resultFormat": "time_series",
                "alias": "$tag_metric ($tag_service)",
                "query": f'SELECT {panel.worst}("value") FROM {MEASUREMENTS}'
                f" WHERE (\"hostname\" = '$host'"
                f' AND "metric" =~ /^({panel.labels})$/)'
                ' AND $timeFilter GROUP BY time($__interval), "metric", "service"'
                " fill(null)",
            }
        ],
    }
