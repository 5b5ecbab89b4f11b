"""What the program reads from the engine."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from config import authority
from config.backup import new_passphrase
from config.ceph import new_fsid, new_key
from config.document import ROOT, parse_yaml
from config.identities import new_host_key, new_mesh_key
from config.load import load, read
from config.model import Homelab
from config.problems import Refused
from config.stack import SECRETS

Load = Callable[..., Homelab]


class NoResources(mocks.Mocks):
    """Fails whatever registers something."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(f"{args.name} was registered")

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token} was called")


@pytest.fixture
def loaded() -> Iterator[Load]:
    """Loads the `dev` stack as the engine would hand it over, with what a test says otherwise."""

    def loaded(preview: bool = True, secret: tuple[str, ...] = (), **other: str | None) -> Homelab:
        said = parse_yaml((ROOT / "Pulumi.dev.yaml").read_text(), "dev")["config"]
        texts = {
            key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in said.items()
            if key.removeprefix("homelab:") not in SECRETS
        }
        texts |= {f"homelab:{key}": text for key, text in other.items() if text is not None}
        pulumi.runtime.set_mocks(NoResources(), project="homelab", stack="dev", preview=preview)
        pulumi.runtime.set_all_config({**texts, "vultr:apiKey": "sensitive"}, [f"homelab:{key}" for key in secret])
        return load()

    yield loaded
    pulumi.runtime.set_all_config({}, [])


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def test_a_stack_read_from_its_file_is_the_one_the_engine_hands_over(loaded: Load, warnings: list[str]) -> None:
    from_engine, from_file = loaded(), read("dev")
    assert from_engine == from_file
    assert list(from_engine.machines) == list(from_file.machines)
    assert list(from_engine.mesh.addresses) == list(from_file.mesh.addresses)


def test_a_preview_without_identities_warns_once_and_names_the_command(loaded: Load, warnings: list[str]) -> None:
    loaded()
    (warning,) = warnings
    assert "absis, laptop, leviathan, nimbus, Ceph, the certificate authority" in warning and "`make init STACK=dev`" in warning


def test_an_update_without_identities_is_refused(loaded: Load) -> None:
    with pytest.raises(Refused, match="no host key for nimbus"):
        loaded(preview=False)


def test_an_update_with_identities_loads_them_without_a_warning(loaded: Load, warnings: list[str]) -> None:
    host, mesh, ceph = new_host_key(), new_mesh_key(), {"fsid": new_fsid(), "monKey": new_key(), "adminKey": new_key()}
    key = authority.new_key()
    signs = {"key": key, "certificate": authority.new_certificate(key, "homelab.test")}
    hidden = {"notes": {"PASSWORD": "sensitive"}}
    known = {"rentedHostKeys": {"nimbus": host}, "rentedMeshKeys": {"nimbus": mesh}, "ceph": ceph}
    secrets = {name: json.dumps(said) for name, said in {**known, "certificateAuthority": signs, "applicationSecrets": hidden}.items()}
    phrases = {name: new_passphrase() for name in ("leviathan", "absis", "nimbus", "laptop")}
    secrets["backupPassphrases"] = json.dumps(phrases)
    homelab = loaded(False, tuple(secrets), **secrets)
    assert homelab.identities.authority and homelab.identities.authority.certificate == signs["certificate"]
    assert homelab.application_secrets["notes"]["PASSWORD"].get_secret_value() == "sensitive"
    assert homelab.identities.host_key("nimbus").get_secret_value() == host
    assert homelab.identities.mesh_key("nimbus").get_secret_value() == mesh
    assert homelab.identities.ceph and homelab.identities.ceph.mon_key.get_secret_value() == ceph["monKey"]
    assert {name: one.get_secret_value() for name, one in homelab.identities.backup_passphrases.items()} == phrases
    assert warnings == []


def test_the_empty_default_of_an_identity_is_no_identity(loaded: Load, warnings: list[str]) -> None:
    none = dict.fromkeys(SECRETS, "")
    assert loaded(**none).identities.missing == ("absis", "laptop", "leviathan", "nimbus", "Ceph", "the certificate authority")


def test_identities_in_plain_text_are_refused(loaded: Load) -> None:
    with pytest.raises(Refused, match="homelab:rentedHostKeys: private keys in plain text") as refused:
        loaded(rentedHostKeys='{"nimbus": "sensitive"}')
    assert "sensitive" not in str(refused.value)


def test_a_plain_topic_with_something_encrypted_in_it_is_refused(loaded: Load, warnings: list[str]) -> None:
    """Its decrypted value would reach the state unwrapped."""
    with pytest.raises(Refused, match="homelab:names: encrypted"):
        loaded(True, ("names",))


def test_an_unknown_topic_is_refused_with_the_nearest_known_one(loaded: Load) -> None:
    with pytest.raises(Refused, match="homelab:kubernets: unknown topic -> did you mean kubernetes"):
        loaded(kubernets="{}")


@pytest.mark.parametrize("text", ["5", "true", "oak", "[]", '"oak"', "{"])
def test_a_topic_of_another_form_is_refused(loaded: Load, text: str) -> None:
    with pytest.raises(Refused, match="homelab:machines: must be a mapping"):
        loaded(machines=text)
