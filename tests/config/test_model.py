"""What the model derives, keeps and refuses."""

import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.mesh.check import overlaps
from config.document import ROOT, parse_yaml
from config.files import host_key
from config.machines import OS_IDS, Vultr
from config.model import Topics
from config.problems import Refused
from config.stack import parse, read

MODEL = ["config.model", "config.problems", "config.stack", "config.schema", "components.machines.check", "components.mesh.check"]


@pytest.mark.parametrize("stack", ["dev", "home"])
def test_the_stacks_of_the_repository_are_understood(stack: str) -> None:
    assert list(read(stack).machines) == ["leviathan", "absis", "nimbus"]


def test_the_post_s_lab_has_twelve_disks_of_four_terabytes() -> None:
    disks = [disk for machine in read("home").machines.values() for disk in machine.disks]
    assert [str(disk.size) for disk in disks] == ["4TB"] * 12


def test_own_machines_come_first_and_then_the_mesh_address_decides() -> None:
    """The engine sorts the keys of a stack file, so the order there cannot mean anything."""
    said = document("home")["config"]
    topics = {key.removeprefix("homelab:"): value for key, value in said.items()}
    topics["machines"] = dict(sorted(topics["machines"].items()))
    topics["mesh"] = {**topics["mesh"], "addresses": {"nimbus": "10.88.0.1", "absis": "10.88.0.3", "leviathan": "10.88.0.2"}}
    assert list(parse("home", topics, {}, preview=True).machines) == ["leviathan", "absis", "nimbus"]


def test_the_model_imports_where_pulumi_is_not_installed() -> None:
    code = f"import sys; sys.modules.update(pulumi=None, pulumi_command=None); import {', '.join(MODEL)}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_refusal_is_a_run_error_so_that_no_traceback_is_shown() -> None:
    import pulumi

    assert issubclass(Refused, pulumi.RunError)


@pytest.mark.parametrize(("image", "number"), OS_IDS.items())
def test_an_image_has_vultr_s_number(image: str, number: int) -> None:
    assert Vultr.model_validate({"region": "ord", "plan": "vc2-2c-4gb", "image": image}).os_id == number


def test_a_plan_s_name_tells_cores_and_memory_of_a_rented_machine() -> None:
    nimbus = read("home").machines["nimbus"]
    assert (nimbus.cpus, str(nimbus.memory)) == (2, "4GiB")


def test_nothing_of_the_model_can_be_set() -> None:
    homelab = read("dev")
    with pytest.raises(ValidationError):
        homelab.domain = "other.example"  # type: ignore[misc]
    with pytest.raises(TypeError):
        homelab.mesh.addresses["absis"] = homelab.mesh.addresses["nimbus"]  # type: ignore[index]
    with pytest.raises(ValidationError):
        homelab.machines["nimbus"].rented = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        homelab.machines["other"] = homelab.machines["nimbus"]  # type: ignore[index]


def test_what_is_understood_can_be_written_and_understood_again() -> None:
    homelab = read("dev")
    topics = Topics.model_validate({name: getattr(homelab, name) for name in Topics.model_fields})
    written = topics.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert Topics.model_validate(written) == topics


@pytest.mark.parametrize("key", ["identities", "operatorKey", "operator_key", "stack"])
def test_what_no_file_may_say_is_an_unknown_topic(key: str) -> None:
    with pytest.raises(Refused, match=f"homelab:{key}: unknown topic"):
        parse("x", {**topics("dev"), key: "anything"}, {}, preview=True)


def network(bits: int, prefix: int) -> IPv4Network:
    return IPv4Network((bits >> (32 - prefix) << (32 - prefix), prefix))


networks = st.builds(network, st.integers(1 << 24, (100 << 24) - 1), st.integers(8, 32))


@given(networks, networks)
def test_two_networks_overlap_when_and_only_when_they_share_an_address(first: IPv4Network, second: IPv4Network) -> None:
    shared = max(int(first[0]), int(second[0])) <= min(int(first[-1]), int(second[-1]))
    found = [problem.message for problem in overlaps({"a": ("A", first), "b": ("B", second)})]
    assert found == ([f"B {second} and A {first} overlap"] if shared else [])


def test_a_known_host_is_found_plainly_by_port_and_hashed() -> None:
    known = """
# a comment
@revoked 10.0.0.9 ssh-ed25519 REVOKED
10.0.0.1,oak ssh-rsa RSA
10.0.0.1,oak ssh-ed25519 PLAIN comment
[10.0.0.2]:2222 ssh-ed25519 PORT
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 HASHED
|1|broken ssh-ed25519 BROKEN
"""
    assert host_key(known, ("10.0.0.1",), 22) == "ssh-ed25519 PLAIN"
    assert host_key(known, ("nobody", "oak"), 22) == "ssh-ed25519 PLAIN"
    assert host_key(known, ("10.0.0.2",), 2222) == "ssh-ed25519 PORT"
    assert host_key(known, ("192.168.1.61",), 22) == "ssh-ed25519 HASHED"
    assert host_key(known, ("10.0.0.2",), 22) is host_key(known, ("10.0.0.9",), 22) is None


def test_a_missing_stack_file_is_told_with_the_command_that_starts_one(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist -> run `make init STACK=mine`"):
        read("mine", tmp_path)


def document(stack: str) -> dict[str, Any]:
    return parse_yaml((ROOT / f"Pulumi.{stack}.yaml").read_text(), stack)


def topics(stack: str) -> dict[str, Any]:
    return {key.removeprefix("homelab:"): value for key, value in document(stack)["config"].items() if "rented" not in key}
