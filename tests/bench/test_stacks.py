"""Generated stack files are ones that the program takes."""

import ast
from copy import deepcopy

import pytest

from bench.engine import kinds
from bench.noop import changed
from bench.preview import SIZES, bare
from bench.stacks import LARGEST, grown
from components.plan import plan
from config.document import ROOT, read_document
from config.stack import PREFIX, SECRETS, parse

DEV = read_document("dev", ROOT)


@pytest.mark.parametrize("size", [*SIZES, LARGEST])
def test_a_generated_stack_is_accepted_and_planned_with_that_many_machines(size: int) -> None:
    said = {key.removeprefix(PREFIX): value for key, value in grown(DEV, size)["config"].items()}
    topics = {name: value for name, value in said.items() if name not in SECRETS}
    lab = plan(parse("dev", topics, {}, True, ROOT))
    assert len(lab.fleet.machines) == len(lab.mesh.members) == size
    assert len({member.address for member in lab.mesh.members.values()}) == size


def test_generating_leaves_the_dev_stack_s_own_machines_and_secrets_as_they_are() -> None:
    before = deepcopy(DEV)
    config, own = grown(DEV, 30)["config"], DEV["config"]
    assert before == DEV
    assert own["homelab:machines"].items() <= config["homelab:machines"].items()
    assert config["homelab:ceph"] == own["homelab:ceph"]


@pytest.mark.parametrize("size", [2, LARGEST + 1])
def test_more_machines_than_the_networks_hold_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(LARGEST)):
        grown(DEV, size)


def test_resources_are_counted_by_type_without_the_engine_s_own() -> None:
    types = ["pulumi:pulumi:Stack", "command:remote:Command", "pulumi:providers:command", "command:remote:Command", "homelab:mesh:Mesh"]
    steps = [{"newState": {"type": kind}} for kind in types]
    assert kinds({"steps": steps}) == {"command:remote:Command": 2, "homelab:mesh:Mesh": 1}


def test_the_bare_program_makes_as_many_resources_of_each_provider() -> None:
    counted = {"homelab:mesh:Mesh": 1, "homelab:machines:OwnMachine": 2, "command:local:Command": 4, "command:remote:Command": 44}
    rented = {"vultr:index/instance:Instance": 1, "vultr:index/firewallRule:FirewallRule": 10}

    def loops(counted: dict[str, int]) -> list[str]:
        return [ast.unparse(node.iter) for node in ast.parse(bare(counted)).body if isinstance(node, ast.For)]

    assert loops({**counted, **rented}) == ["range(3)", "range(4)", "range(44)", "range(11)", "range(0)"]
    # One of the local commands is what makes the cluster known only later.
    inside = {"kubernetes:helm.sh/v3:Release": 8, "kubernetes:core/v1:Secret": 2}
    assert loops({**counted, **rented, **inside}) == ["range(3)", "range(3)", "range(44)", "range(11)", "range(10)"]


def test_a_stack_with_changes_to_come_is_told_apart_from_one_without() -> None:
    assert changed({"same": 70, "read": 1}) == ""
    assert changed({"same": 68, "update": 2, "create": 1}) == "1 to create, 2 to update"
