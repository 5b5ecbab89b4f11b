"""The whole program: both stacks' graphs, and the laws that every resource keeps."""

import json

import pytest

from bench.stacks import grown
from config.backup import new_passphrase
from config.identities import PLACEHOLDER
from config.problems import Refused
from tests.graph import ROOT, identities, said_in, stack_graph

COMMANDS = ("command:remote:Command", "command:local:Command")
BACKED_UP = ("leviathan", "absis", "nimbus", "laptop")
GOLDEN = ROOT / "tests/golden"


@pytest.mark.parametrize("stack", ["dev", "home"])
def test_a_stack_registers_exactly_the_resources_on_its_list(stack):
    names = [f"{node.type} {name}" for name, node in sorted(stack_graph(stack).nodes.items())]
    assert names == (GOLDEN / f"{stack}.resources").read_text().splitlines()


def test_every_remote_script_shares_the_fate_of_its_machine(graph):
    for name, node in graph.all("command:remote:Command").items():
        assert node.request.deletedWith and [*node.request.replace_with] == [node.request.deletedWith], name


def test_every_remote_script_waits_for_the_preflight(graph):
    for name in graph.all("command:remote:Command"):
        assert "fleet-preflight" in graph.before(name), name


def test_the_preflight_changes_nothing_before_it_but_buying(graph):
    kinds = {graph[name].type for name in graph.before("fleet-preflight") if name in graph.nodes}
    assert not kinds & {"command:remote:Command"}


def test_only_the_contact_of_an_own_machine_has_triggers(graph):
    triggered = {name for name, node in graph.all(*COMMANDS).items() if node.inputs.get("triggers")}
    assert triggered == {"fleet-leviathan-contact", "fleet-absis-contact"}


def test_no_command_uses_environment_or_previous_output(graph):
    for name, node in graph.all(*COMMANDS).items():
        assert not node.inputs.get("environment") and node.inputs["addPreviousOutputInEnv"] is False, name


def test_what_is_not_public_neither_logs_nor_shows_its_output(graph):
    for name, node in graph.all("command:remote:Command").items():
        hidden = {"stdout", "stderr"} <= {*node.request.additionalSecretOutputs}
        assert node.inputs["logging"] == "stderr" or hidden, name


def test_no_name_ends_in_a_list_index(graph):
    assert [name for name in graph.nodes if name.rsplit("-", 1)[-1] in map(str, range(20))] == []


def test_every_connection_pins_an_ed25519_host_key(graph):
    for name, node in graph.all("command:remote:Command").items():
        assert node.inputs["connection"]["hostKey"].startswith("ssh-ed25519 "), name


def test_no_private_key_stands_outside_a_secret(graph):
    private = [text for keys in identities().values() for name, text in json.loads(keys).items() if name not in ("fsid", "certificate")]
    lines = [line for text in private for line in text.splitlines() if len(line) > 30 and "KEY-----" not in line]
    for name, node in graph.nodes.items():
        assert not [line for line in lines if line in node.plain], name
    # A client's own passphrase is in its bundle, which is secret as a whole.
    assert not [line for line in lines if line in json.dumps({**graph.outputs, "clients": {}})]


def test_no_remote_script_asks_a_system_to_undo_anything(graph):
    """After a new installation the engine asked the old system, which was not there, and the run failed."""
    assert [name for name, node in graph.all("command:remote:Command").items() if node.inputs.get("delete")] == []


def test_dependencies_grow_with_the_machines_and_not_with_their_square(run):
    def edges(machines):
        names = [f"machine-{number:03d}" for number in range(machines)]
        known = {**identities(), "homelab:backupPassphrases": json.dumps({name: new_passphrase() for name in [*BACKED_UP, *names]})}
        graph = run(change=lambda said: said.update(grown({"config": said}, machines)["config"]), keys=known)
        return sum(len(node.request.dependencies) for node in graph.nodes.values())

    five, ten, fifteen = map(edges, (5, 10, 15))
    assert fifteen - ten == ten - five


def test_problems_of_meaning_stop_the_program_before_anything_is_registered(run):
    def collide(said):
        said["homelab:mesh"]["addresses"]["absis"] = said["homelab:mesh"]["addresses"]["leviathan"]

    with pytest.raises(Refused, match="absis"):
        run(change=collide)


def test_an_update_without_identities_is_refused_with_the_command_that_makes_them(run):
    with pytest.raises(Refused, match="make init STACK=home"):
        run(stack="home", keys={})


def test_the_graph_is_read_in_an_evening():
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 60


def test_the_placeholder_can_be_no_key():
    assert " " in PLACEHOLDER and "homelab:mesh" in said_in("home")
