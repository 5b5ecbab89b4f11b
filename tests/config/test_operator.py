"""The operator's key pair: never the example's in an update, and both halves of one pair."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from config.document import ROOT, parse_yaml
from config.identities import fingerprint, new_host_key, ssh_public
from config.model import Homelab
from config.operator import EXAMPLE_KEYS
from config.problems import Problem, Refused
from config.stack import parse, read

PRIVATE = new_host_key()
PUBLIC = ssh_public(PRIVATE)
OTHER = ssh_public(new_host_key())
(EXAMPLE,) = EXAMPLE_KEYS


def lab(root: Path, preview: bool = True, key: str = PRIVATE, **operator: str) -> Homelab:
    (root / "id").write_text(key)
    oak = {"site": "home", "lan": "192.168.1.10/24", "ssh": {"hostKey": OTHER}, "cpus": 4, "memory": "8GiB"}
    mesh = {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1"}}
    topics = {"domain": "example.net", "operator": operator, "machines": {"oak": oak}, "mesh": mesh}
    return parse("mine", topics, {}, preview, root)


def problem(root: Path, preview: bool = True, key: str = PRIVATE, **operator: str) -> Problem:
    with pytest.raises(Refused) as refused:
        lab(root, preview, key, **operator)
    (found,) = refused.value.problems
    return found


def test_the_published_example_key_is_the_one_of_the_example_stack() -> None:
    said = parse_yaml((ROOT / "Pulumi.home.yaml").read_text(), "home")["config"]["homelab:operator"]["publicKey"]
    assert said.startswith(EXAMPLE + " ") and read("home").operator.public_key == EXAMPLE


def test_an_update_with_the_example_s_key_is_refused(tmp_path: Path) -> None:
    found = problem(tmp_path, preview=False, publicKey=f"{EXAMPLE} ann@pad")
    assert found.path == "homelab:operator.publicKey" and "ssh-add -L" in found.remedy


def test_a_preview_takes_the_example_s_key(tmp_path: Path) -> None:
    assert lab(tmp_path, publicKey=EXAMPLE, privateKeyFile="id").operator.public_key == EXAMPLE


def test_an_update_takes_a_key_of_the_operator_s_own(tmp_path: Path) -> None:
    homelab = lab(tmp_path, preview=False, publicKey=f"{PUBLIC} ann@pad", privateKeyFile="id")
    assert homelab.operator_key and homelab.operator_key.get_secret_value() == PRIVATE


def test_an_update_with_the_example_s_key_and_a_key_file_has_one_problem(tmp_path: Path) -> None:
    assert "example" in problem(tmp_path, preview=False, publicKey=EXAMPLE, privateKeyFile="id").message


@pytest.mark.parametrize("preview", [True, False])
def test_a_key_file_of_another_pair_than_the_public_key_is_refused_with_both_fingerprints(tmp_path: Path, preview: bool) -> None:
    found = problem(tmp_path, preview, publicKey=OTHER, privateKeyFile="id")
    assert found.path == "homelab:operator.publicKey"
    assert fingerprint(OTHER) in found.message and fingerprint(PUBLIC) in found.message and " id " in found.message
    assert "`ssh-keygen -y -f id`" in found.remedy
    assert PRIVATE.splitlines()[2] not in str(found)


@pytest.mark.parametrize("private", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())])
@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_key_file_of_another_kind_than_the_public_key_is_refused(
    tmp_path: Path, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat
) -> None:
    key = private.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert fingerprint(public) in problem(tmp_path, key=key, publicKey=PUBLIC, privateKeyFile="id").message


def test_a_key_file_alone_is_enough(tmp_path: Path) -> None:
    assert lab(tmp_path, preview=False, privateKeyFile="id").operator_key
