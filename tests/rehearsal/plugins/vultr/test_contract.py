"""The plug-in under the real engine: what an operator does to a rented machine, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.engine

EVERYTHING = """
key = vultr.SSHKey("operator", name="operator", ssh_key="ssh-ed25519 AAAA operator")
group = vultr.FirewallGroup("edge", description="test")
rules = [
    vultr.FirewallRule(
        f"edge-{port}", firewall_group_id=group.id, ip_type="v4", protocol="tcp", subnet="0.0.0.0", subnet_size=0, port=port, notes=NOTES,
        opts=pulumi.ResourceOptions(delete_before_replace=True),
    )
    for port in ("22", "443")
]
address = vultr.ReservedIp("address", region="ord", ip_type="v4", label="nimbus")
nimbus = vultr.Instance(
    "nimbus", region="ord", plan=PLAN, os_id=2136, label="test-nimbus", hostname="nimbus", tags=["test", "homelab"], enable_ipv6=True,
    ssh_key_ids=[key.id], firewall_group_id=group.id, reserved_ip_id=address.id, user_data=pulumi.Output.secret(USER_DATA),
    opts=pulumi.ResourceOptions(delete_before_replace=True, **OPTIONS),
)
pulumi.export("address", nimbus.main_ip)
pulumi.export("address6", nimbus.v6_main_ip)
"""

ONE_MACHINE = """
vultr.Instance("nimbus", region="ord", plan="vc2-2c-4gb", os_id=2136, label="test-nimbus", hostname="nimbus", tags=["test"])
"""

GUARDED = """
def refuse_second(args):
    try:
        found = vultr.get_instance(filters=[{"name": "label", "values": ["test-nimbus"]}])
    except Exception as problem:
        if "no results were found" in str(problem):
            return
        raise
    raise Exception(f"there is a test-nimbus already, {found.id}")

vultr.Instance(
    "nimbus", region="ord", plan="vc2-2c-4gb", os_id=2136, label="test-nimbus", hostname="nimbus",
    opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("buy-once", refuse_second)])),
)
"""


def everything(plan: str = "vc2-2c-4gb", notes: str = "", user_data: str = "#cloud-config", options: str = "{}") -> str:
    return f"PLAN, NOTES, USER_DATA, OPTIONS = {plan!r}, {notes!r}, {user_data!r}, {options}\n" + EVERYTHING


def test_a_machine_with_all_that_belongs_to_it_is_made_and_then_left_alone(lab: Any) -> None:
    made = lab.up(everything())
    assert made.code == 0, made.text
    assert set(made.steps.values()) == {"create"}
    outputs = json.loads(lab.run("stack", "output", "--json").stdout)
    assert outputs == {"address": "203.0.113.100", "address6": "2001:db8:113::100"}
    again = lab.up()
    assert (again.code, again.steps) == (0, {})
    fresh = lab.refresh()
    assert fresh.code == 0, fresh.text
    assert lab.up().steps == {}


def test_a_preview_asks_the_cloud_for_nothing_and_promises_no_address(lab: Any) -> None:
    seen = lab.preview(everything())
    assert seen.code == 0, seen.text
    assert set(seen.steps.values()) == {"create"}
    assert not [path for path in lab.account.rglob("*.json")]
    assert "203.0.113" not in seen.text


def test_without_a_key_nothing_starts(lab: Any) -> None:
    del lab.environment["VULTR_API_KEY"]
    refused = lab.preview(ONE_MACHINE)
    assert refused.code != 0
    assert "Provider is missing a required configuration key" in refused.text


def test_password_and_secret_user_data_are_secret_in_the_state(lab: Any) -> None:
    lab.up(everything(user_data="#cloud-config HUSH"))
    password = lab.cloud().instances()[0].default_password
    entry = lab.state()["nimbus"]
    assert all(set(entry["outputs"][key]) == {"4dabf18193072939515e22adb298388d", "ciphertext"} for key in ("defaultPassword", "userData"))
    lab.refresh()
    exported = json.dumps(lab.state())
    assert "HUSH" not in exported
    assert password not in exported


def test_a_new_plan_is_an_update_in_place(lab: Any) -> None:
    lab.up(everything())
    before = lab.cloud().instances()[0]
    assert lab.up(everything(plan="vc2-4c-8gb")).steps == {"nimbus": "update"}
    after = lab.cloud().instances()[0]
    assert (after.id, after.plan) == (before.id, "vc2-4c-8gb")


def test_new_user_data_replaces_the_machine_which_keeps_its_reserved_address(lab: Any) -> None:
    lab.up(everything())
    replaced = lab.up(everything(user_data="#cloud-config 2"))
    assert (replaced.code, replaced.steps) == (0, {"nimbus": "replace"}), replaced.text
    assert [instance.main_ip for instance in lab.cloud().instances()] == ["203.0.113.100"]
    log = (lab.account / "machines.log").read_text().splitlines()
    assert log == ["start nimbus 203.0.113.100", "remove nimbus", "start nimbus 203.0.113.100"]


def test_ignored_user_data_and_keys_leave_the_machine_alone(lab: Any) -> None:
    ignoring = "dict(ignore_changes=['userData', 'sshKeyIds'])"
    lab.up(everything(options=ignoring))
    assert lab.up(everything(user_data="#cloud-config 2", options=ignoring)).steps == {}


def test_a_protected_machine_is_neither_replaced_nor_destroyed(lab: Any) -> None:
    lab.up(everything(options="dict(protect=True)"))
    refused = lab.up(everything(user_data="#cloud-config 2", options="dict(protect=True)"))
    assert refused.code != 0
    assert lab.destroy().code != 0
    assert [instance.status for instance in lab.cloud().instances()] == ["active"]


def test_notes_of_a_rule_are_changed_by_a_new_rule_in_its_place(lab: Any) -> None:
    lab.up(everything())
    changed = lab.up(everything(notes="new"))
    assert (changed.code, changed.steps) == (0, {"edge-22": "replace", "edge-443": "replace"}), changed.text
    assert {rule.notes for rule in lab.cloud().rules(lab.state()["edge"]["id"])} == {"new"}


def test_a_second_rule_of_the_same_meaning_is_refused(lab: Any) -> None:
    twice = everything() + "vultr.FirewallRule('again', firewall_group_id=group.id, ip_type='v4', protocol='tcp', subnet='0.0.0.0',"
    refused = lab.up(twice + " subnet_size=0, port='22', opts=pulumi.ResourceOptions(depends_on=rules))\n")
    assert refused.code != 0
    assert 'error creating firewall rule : {"error":"This rule is already defined","status":400}' in refused.text


def test_destroy_takes_machine_and_rules_before_what_they_hang_on_and_leaves_nothing(lab: Any) -> None:
    lab.up(everything())
    destroyed = lab.destroy()
    assert destroyed.code == 0, destroyed.text
    order = list(destroyed.steps)
    assert order.index("nimbus") < min(order.index("address"), order.index("operator"), order.index("edge"))
    assert max(order.index("edge-22"), order.index("edge-443")) < order.index("edge")
    assert not list(lab.account.rglob("*.json"))
    assert not list((lab.account / "machines").iterdir())


def test_a_machine_deleted_elsewhere_makes_refresh_fail_until_it_is_taken_out_of_the_state(lab: Any) -> None:
    lab.up(ONE_MACHINE)
    lab.cloud().delete_instance(lab.cloud().instances()[0].id)
    failed = lab.refresh()
    assert failed.code != 0
    assert '{"error":"instance not found","status":404}' in failed.text
    assert lab.run("state", "delete", lab.state()["nimbus"]["urn"], "--yes").returncode == 0
    assert lab.up().steps == {"nimbus": "create"}


def test_keys_and_rules_deleted_elsewhere_are_noticed_by_refresh_and_made_again(lab: Any) -> None:
    ignoring = "dict(ignore_changes=['sshKeyIds'])"
    lab.up(everything(options=ignoring))
    state = lab.state()
    lab.cloud().delete_key(state["operator"]["id"])
    lab.cloud().delete_rule(state["edge"]["id"], int(state["edge-22"]["id"]))
    assert lab.refresh().code == 0
    assert {"operator", "edge-22"} == lab.state().keys() ^ state.keys()
    assert lab.up().steps == {"operator": "create", "edge-22": "create"}


def test_an_engine_killed_in_the_middle_of_a_purchase_leaves_a_machine_that_boots_and_that_a_hook_finds(lab: Any) -> None:
    (lab.account / "hold").touch()
    lab.program(GUARDED)
    with lab.start("up", "--yes", "--skip-preview", "--non-interactive") as engine:
        lab.until(lambda: "start nimbus" in log(lab), "the machine was ordered")
        os.killpg(engine.pid, signal.SIGKILL)
    lab.run("cancel", "--yes")  # the lock of the dead engine
    (lab.account / "hold").unlink()
    lab.until(lambda: lab.cloud().instances()[0].status == "active", "the machine boots without any client")
    orphan = lab.cloud().instances()[0]
    refused = lab.up()
    assert refused.code != 0
    assert f"there is a test-nimbus already, {orphan.id}" in refused.text
    assert lab.cloud().instances() == [orphan]
    assert lab.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates").returncode == 0
    adopted = lab.run("import", "vultr:index/instance:Instance", "nimbus", orphan.id, "--yes", "--generate-code=false", "--protect=false")
    assert adopted.returncode == 0, adopted.stdout
    assert lab.up().code == 0
    assert [instance.id for instance in lab.cloud().instances()] == [orphan.id]


def test_without_the_hook_an_interrupted_purchase_is_made_twice(lab: Any) -> None:
    (lab.account / "hold").touch()
    lab.program(ONE_MACHINE)
    with lab.start("up", "--yes", "--skip-preview", "--non-interactive") as engine:
        lab.until(lambda: "start nimbus" in log(lab), "the machine was ordered")
        os.killpg(engine.pid, signal.SIGKILL)
    lab.run("cancel", "--yes")  # the lock of the dead engine
    (lab.account / "hold").unlink()
    again = lab.up()
    assert again.code == 0, again.text
    assert "interrupted while creating" in again.text
    assert len(lab.cloud().instances()) == 2


def test_a_machine_that_does_not_boot_stays_in_the_state_and_is_not_waited_for_again(lab: Any) -> None:
    (lab.account / "broken").touch()
    failed = lab.up(ONE_MACHINE)
    assert failed.code != 0
    assert "unexpected state 'failed', wanted target 'active'. last error: RuntimeError: no space left" in failed.text
    assert lab.state()["nimbus"]["outputs"]["mainIp"] == "0.0.0.0"
    assert lab.up().steps == {"nimbus": "update"}
    assert len(lab.cloud().instances()) == 1


def test_an_address_that_another_machine_holds_is_asked_for_again_and_then_refused(lab: Any) -> None:
    lab.up(everything())
    both = everything() + (
        "vultr.Instance('second', region='ord', plan=PLAN, os_id=2136, label='second', hostname='second', reserved_ip_id=address.id,"
        " opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='2s')))\n"
    )
    refused = lab.up(both)
    assert refused.code != 0
    assert "error creating server: cannot create instance with reserved IP" in refused.text
    assert len(lab.cloud().instances()) == 1


@pytest.mark.parametrize(
    ("labels", "answer"),
    [
        ([], "no results were found"),
        (["twin", "twin"], "your search returned too many results. Please refine your search to be more specific"),
    ],
)
def test_the_data_source_wants_exactly_one_hit(lab: Any, labels: list[str], answer: str) -> None:
    machines = "".join(
        f"vultr.Instance('m{number}', region='ord', plan='vc2-1c-1gb', os_id=2136, label='{label}')\n"
        for number, label in enumerate(labels)
    )
    assert lab.up(machines).code == 0
    asked = lab.preview(machines + "vultr.get_instance(filters=[{'name': 'label', 'values': ['twin']}])\n")
    assert asked.code != 0
    assert answer in asked.text


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("vultr.Instance('nimbus', region='ord', plan='vc2-1c-1gb', os_id=2136, script_id='s')", "does not do `scriptId`"),
        ("vultr.Vpc('net', region='ord')", "does not do vultr:index/vpc:Vpc"),
        ("vultr.get_plan(filters=[{'name': 'id', 'values': ['vc2-1c-1gb']}])", "has no function vultr:index/getPlan:getPlan"),
    ],
)
def test_what_the_stand_in_does_not_do_is_refused_in_the_preview(lab: Any, program: str, reason: str) -> None:
    refused = lab.preview(program)
    assert refused.code != 0
    assert f"stand-in {reason}" in refused.text


def log(lab: Any) -> str:
    path = lab.account / "machines.log"
    return path.read_text() if path.exists() else ""
