# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action gives its playbook is what the playbook declares to take."""

from pathlib import Path

import pytest
import yaml

from cloud_manager.domain.actions import Action, CheckPower, ReadPower, Recover, Return, SwitchPower

SPECS = Path(__file__).parents[3] / "playbooks" / "argument_specs"
TYPES = {"str": str, "bool": bool, "float": float}
ACTIONS: tuple[Action | SwitchPower | CheckPower, ...] = (
    Recover("1-recover-1", "c1", 1, override="alice: I pulled the plug"),
    Return("1-return-2", "c1", 1, clear_forced_down=True),
    ReadPower("1-read-3", "c1", 1),
    SwitchPower("switch-4", "c1", "soft_off", 300.0),
    CheckPower("check-5"),
)


def declared(action: Action | SwitchPower | CheckPower) -> dict[str, dict[str, object]]:
    spec = yaml.safe_load((SPECS / f"{action.kind}.yml").read_text())
    return dict(spec["argument_spec"])


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
def test_every_variable_is_declared_with_its_type(action):
    options = declared(action)
    for name, value in action.to_vars().items():
        assert name in options, f"{action.kind} does not take {name}"
        kind = str(options[name].get("type", "str"))
        listed = kind == "list" and isinstance(value, str)  # Ansible takes a comma list
        assert listed or isinstance(value, TYPES[kind])
        assert value in options[name].get("choices", [value])


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
def test_what_a_playbook_requires_is_given(action):
    required = {name for name, option in declared(action).items() if option.get("required")}
    assert required <= action.to_vars().keys()
