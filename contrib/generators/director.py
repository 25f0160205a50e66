"""A basket for the Icinga Director: commands, data fields, service template.

In the form of the Director's own exports. Restoring a basket changes the objects with
the same uuid, so a uuid never changes.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from . import icinga2
from .options import Option, options

PLUGIN = "/usr/lib/nagios/plugins/check_ephemeral_port"
TEMPLATE = "ephemeral-ports"
DATA_TYPE = "Icinga\\Module\\Director\\DataType\\DataType"
UNSET_IN_TEMPLATE = (
    "action_url apply_for assign_filter check_period check_timeout command_endpoint"
    " display_name enable_active_checks enable_event_handler enable_flapping"
    " enable_notifications enable_passive_checks event_command flapping_threshold_high"
    " flapping_threshold_low host icon_image icon_image_alt notes_url service_set"
    " template_choice use_var_overrides volatile zone"
).split()


def basket() -> str:
    """The file."""
    listed = [option for option in options() if option.checks]
    sudo_number = len(listed) + 1
    content = {
        "Command": {
            "ephemeral_port": _command(
                "ephemeral_port",
                PLUGIN,
                {option.flag: _argument(option) for option in listed},
                range(1, sudo_number),
            ),
            icinga2.SUDO: _command(
                icinga2.SUDO, f"{PLUGIN}_sudo", {"check": SUDO_ARGUMENT}, [sudo_number]
            ),
        },
        "ServiceTemplate": {TEMPLATE: _template()},
        "DataList": {_list_name(o): _list(o) for o in listed if o.choices},
        "Datafield": {
            **{str(n): _field(o) for n, o in enumerate(listed, start=1)},
            str(sudo_number): SUDO_FIELD,
        },
    }
    return json.dumps(content, indent=4) + "\n"


def _uuid(kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"check_ephemeral_port/director/{kind}/{name}"))


SUDO_ARGUMENT = {
    "description": icinga2.SUDO_CHECK,
    "value": f"${icinga2.SUDO_VARIABLE}$",
    "skip_key": True,
    "required": True,
}
SUDO_FIELD = {
    "varname": icinga2.SUDO_VARIABLE,
    "caption": "Ephemeral Ports: check as root",
    "description": icinga2.SUDO_CHECK,
    "datatype": DATA_TYPE + "String",
    "format": None,
    "settings": {"visibility": "visible"},
    "uuid": _uuid("field", "check"),
}


def _command(
    name: str, program: str, arguments: dict[str, Any], field_ids: Iterable[int]
) -> dict[str, Any]:
    return {
        "arguments": arguments,
        "command": program,
        "disabled": False,
        "fields": [
            {"datafield_id": number, "is_required": "n", "var_filter": None}
            for number in field_ids
        ],
        "imports": [],
        "is_string": None,
        "methods_execute": "PluginCheck",
        "object_name": name,
        "object_type": "object",
        "timeout": "60",
        "vars": {},
        "zone": None,
        "uuid": _uuid("command", name),
    }


def _argument(option: Option) -> dict[str, Any]:
    macro = f"${icinga2.variable(option)}$"
    argument: dict[str, Any] = {"description": option.help}
    if option.takes_value:
        argument["value"] = macro
    else:
        argument["set_if"] = macro
    if option.counted:
        body = "\n".join(icinga2.repeated_flag(option))
        argument["value"] = {"type": "Function", "body": body}
        argument["skip_key"] = True
    if option.repeatable:
        argument["repeat_key"] = True
    return argument


def _template() -> dict[str, Any]:
    return {
        **dict.fromkeys(UNSET_IN_TEMPLATE),
        "check_command": "ephemeral_port",
        # a range can fill up within a minute, and TIME_WAIT lasts a minute
        "check_interval": 60,
        "disabled": False,
        "enable_perfdata": True,
        "fields": [],
        "groups": [],
        "imports": [],
        "max_check_attempts": 3,
        "notes": "How close the host is to running out of ephemeral ports.",
        "object_name": TEMPLATE,
        "object_type": "template",
        "retry_interval": 15,
        # the agent runs the check, since the ports are those of its host
        "use_agent": True,
        "vars": {"ephemeral_port_warning": "80", "ephemeral_port_critical": "90"},
        "uuid": _uuid("template", TEMPLATE),
    }


def _list_name(option: Option) -> str:
    return f"{icinga2.variable(option)}_list"


def _list(option: Option) -> dict[str, Any]:
    return {
        "list_name": _list_name(option),
        "owner": "icingaadmin",
        "entries": [
            {
                "entry_name": choice,
                "entry_value": choice,
                "format": "string",
                "allowed_roles": None,
            }
            for choice in option.choices
        ],
        "uuid": _uuid("list", option.name),
    }


def _field(option: Option) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if option.choices:
        data_type = "Datalist"
        settings = {
            "behavior": "strict",
            "data_type": "string",
            "datalist": _list_name(option),
        }
    elif option.repeatable:
        data_type, settings = "Array", {"visibility": "visible"}
    elif option.takes_value:
        data_type, settings = "String", {"visibility": "visible"}
    else:
        data_type = "Number" if option.counted else "Boolean"
    return {
        "varname": icinga2.variable(option),
        "caption": f"Ephemeral Ports: {option.name}",
        "description": option.help,
        "datatype": DATA_TYPE + data_type,
        "format": None,
        "settings": settings,
        "uuid": _uuid("field", option.name),
    }
