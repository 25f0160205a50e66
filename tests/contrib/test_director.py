"""The Director's basket is consistent and has the form of an export."""

import json
from pathlib import Path

from contrib.generators import icinga2
from contrib.generators.options import options

BASKET = json.loads(
    (Path(__file__).parents[2] / "contrib/director/basket.json").read_text()
)
# The keys of exports: those of Linuxfabrik/monitoring-plugins, such as
# check-plugins/disk-usage/icingaweb2-module-director/disk-usage.json
COMMAND = set(
    "arguments command disabled fields imports is_string methods_execute object_name"
    " object_type timeout vars zone uuid".split()
)
TEMPLATE = set(
    "action_url apply_for assign_filter check_command check_interval check_period"
    " check_timeout command_endpoint disabled display_name enable_active_checks"
    " enable_event_handler enable_flapping enable_notifications enable_passive_checks"
    " enable_perfdata event_command fields flapping_threshold_high"
    " flapping_threshold_low groups host icon_image icon_image_alt imports"
    " max_check_attempts notes notes_url object_name object_type retry_interval"
    " service_set template_choice use_agent use_var_overrides vars volatile zone"
    " uuid".split()
)
FIELD = set("varname caption description datatype format settings uuid".split())
LIST = set("list_name owner entries uuid".split())


def objects(kind):
    return BASKET[kind].values()


def test_objects_have_the_keys_of_an_export():
    for kind, keys in (
        ("Command", COMMAND),
        ("ServiceTemplate", TEMPLATE),
        ("Datafield", FIELD),
        ("DataList", LIST),
    ):
        assert BASKET[kind]
        assert all(set(one) == keys for one in objects(kind)), kind


def test_objects_are_filed_under_their_names():
    for kind, name in (
        ("Command", "object_name"),
        ("ServiceTemplate", "object_name"),
        ("DataList", "list_name"),
    ):
        assert all(key == one[name] for key, one in BASKET[kind].items())


def test_every_uuid_is_unique():
    uuids = [one["uuid"] for kind in BASKET for one in objects(kind)]
    assert len(set(uuids)) == len(uuids)


def test_every_option_is_an_argument_with_a_field():
    command = BASKET["Command"]["ephemeral_port"]
    checks = [option for option in options() if option.checks]
    assert set(command["arguments"]) == {option.flag for option in checks}
    fields = [BASKET["Datafield"][str(f["datafield_id"])] for f in command["fields"]]
    variables = [icinga2.variable(option) for option in checks]
    assert [field["varname"] for field in fields] == variables
    for option, variable in zip(checks, variables):
        assert f"${variable}$" in json.dumps(command["arguments"][option.flag])


def test_the_check_as_root_is_a_field():
    command = BASKET["Command"][icinga2.SUDO]
    assert command["command"].endswith("/check_ephemeral_port_sudo")
    ((number,),) = ([f["datafield_id"]] for f in command["fields"])
    field = BASKET["Datafield"][str(number)]
    (argument,) = command["arguments"].values()
    assert argument["value"] == f"${field['varname']}$" and argument["skip_key"]


def test_choices_are_lists():
    for option in options():
        if option.choices and option.checks:
            name = f"{icinga2.variable(option)}_list"
            entries = BASKET["DataList"][name]["entries"]
            assert [entry["entry_name"] for entry in entries] == list(option.choices)


def test_the_template_sets_only_variables_of_the_command():
    (template,) = objects("ServiceTemplate")
    assert template["check_command"] in BASKET["Command"]
    assert set(template["vars"]) <= {f["varname"] for f in objects("Datafield")}
