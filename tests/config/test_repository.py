"""What stands in the repository beside the model agrees with it."""

import json
from pathlib import Path

import yaml

from config import schema
from config.document import ROOT, parse_yaml
from config.identities import mesh_public, ssh_public
from config.model import Topics
from config.passphrase import Box
from config.problems import Problem, Refused
from config.stack import SECRETS, parse, read

KEYS = ROOT / "rehearsal" / "keys"


def key(name: str) -> str:
    return (KEYS / name).read_text()


def test_the_rehearsal_s_host_keys_are_the_pinned_ones() -> None:
    machines = read("dev").machines
    for name in ("leviathan", "absis"):
        ssh = machines[name].ssh
        assert ssh is not None and ssh.host_key == ssh_public(key(name))


def test_the_rehearsal_s_operator_and_laptop_have_the_configured_keys() -> None:
    homelab = read("dev")
    assert homelab.operator.public_key == ssh_public(key("operator"))
    assert homelab.mesh.clients["laptop"].public_key == mesh_public(key("laptop"))
    assert homelab.mesh.clients["laptop"].backup_key == ssh_public(key("laptop-backup"))


def test_the_dev_stack_has_identities_that_the_public_passphrase_opens() -> None:
    document = parse_yaml((ROOT / "Pulumi.dev.yaml").read_text(), "dev")
    box = Box.open("homelab", document["encryptionsalt"])
    secrets = {name: box.decrypt(document["config"][f"homelab:{name}"]["secure"]) for name in SECRETS}
    topics = {
        name.removeprefix("homelab:"): value for name, value in document["config"].items() if name.removeprefix("homelab:") not in SECRETS
    }
    homelab = parse("dev", topics, secrets, preview=False)
    assert ssh_public(homelab.identities.host_key("nimbus").get_secret_value()).startswith("ssh-ed25519 ")


def test_the_home_example_has_no_identity_and_the_public_passphrase() -> None:
    document = parse_yaml((ROOT / "Pulumi.home.yaml").read_text(), "home")
    assert not [name for name in document["config"] if name.removeprefix("homelab:") in SECRETS]
    assert Box.open("homelab", document["encryptionsalt"])


def test_the_checked_in_schema_is_the_model_s() -> None:
    """`python -m config.schema --write` brings it up to date."""
    assert schema.FILE.read_text() == schema.text()


def test_the_schema_describes_every_key_and_knows_no_other() -> None:
    parts = [*schema.schema()["$defs"].values(), {"properties": schema.schema()["properties"]["config"]["properties"]}]
    objects = [part for part in parts if "properties" in part]
    assert not [name for part in objects for name, said in part["properties"].items() if not said.get("description")]
    assert all(part["additionalProperties"] is False for part in objects if part.get("type") == "object")


def test_pulumi_yaml_declares_every_key_of_the_model_and_no_other() -> None:
    config = project()["config"]
    declared = {name for name in config if ":" not in name}
    assert declared == {field.alias or name for name, field in Topics.model_fields.items()} | set(SECRETS)
    assert all(config[name]["description"] for name in declared)
    assert {name for name in declared if config[name].get("secret")} == set(SECRETS)
    assert {name for name in declared if "type" not in config[name]} == set(SECRETS)


def test_what_pulumi_yaml_requires_is_what_the_model_requires() -> None:
    required = {name for name, said in project()["config"].items() if "default" not in said and "value" not in said}
    assert required == {field.alias or name for name, field in Topics.model_fields.items() if field.is_required()}


def test_stack_files_name_their_schema_for_editors() -> None:
    for stack in ("dev", "home"):
        assert (ROOT / f"Pulumi.{stack}.yaml").read_text().startswith("# yaml-language-server: $schema=config/homelab.schema.json\n")
    json.loads((ROOT / "config" / "homelab.schema.json").read_text())


def test_a_refusal_lists_its_problems_with_number_place_and_remedy() -> None:
    problems = [Problem("homelab:a", "wrong", "do that"), Problem("homelab:b", "missing")]
    assert str(Refused("mine", problems)) == "Pulumi.mine.yaml has 2 problems:\n  1. homelab:a: wrong -> do that\n  2. homelab:b: missing"
    assert str(Refused("mine", problems[:1])).startswith("Pulumi.mine.yaml has 1 problem:\n")


def project() -> dict[str, dict[str, dict[str, object]]]:
    said = yaml.safe_load(Path(ROOT, "Pulumi.yaml").read_text())
    assert isinstance(said, dict)
    return said
