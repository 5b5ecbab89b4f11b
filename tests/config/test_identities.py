"""Keys that outlive the state, and that nothing of them is ever shown."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import TypeAdapter

from config.identities import PLACEHOLDER, fingerprint, mesh_public, new_host_key, new_mesh_key, ssh_public
from config.model import Homelab
from config.problems import Refused
from config.stack import parse, secret_texts
from config.types import Ed25519PublicKey, RsaPublicKey

HOST_KEY, MESH_KEY = new_host_key(), new_mesh_key()
SAID = {
    "domain": "example.net",
    "operator": {"publicKey": ssh_public(HOST_KEY)},
    "machines": {"fog": {"site": "cloud", "vultr": {"region": "ord", "plan": "vc2-2c-4gb", "image": "debian-12"}}},
    "mesh": {"network": "10.88.0.0/24", "addresses": {"fog": "10.88.0.1"}},
}


def lab(host: object = HOST_KEY, mesh: object = MESH_KEY, preview: bool = False) -> Homelab:
    secrets = {"rentedHostKeys": {"fog": host}, "rentedMeshKeys": {"fog": mesh}}
    return parse("mine", SAID, {name: json.dumps({m: k for m, k in keys.items() if k}) for name, keys in secrets.items()}, preview)


def test_a_rented_machine_has_its_two_private_keys() -> None:
    identities = lab().identities
    assert identities.host_key("fog").get_secret_value() == HOST_KEY
    assert identities.mesh_key("fog").get_secret_value() == MESH_KEY
    assert identities.missing == ()


def test_a_new_key_s_public_half_is_one_the_configuration_takes() -> None:
    assert TypeAdapter(Ed25519PublicKey).validate_python(ssh_public(HOST_KEY)) == ssh_public(HOST_KEY)
    assert TypeAdapter(RsaPublicKey).validate_python(mesh_public(MESH_KEY)) == mesh_public(MESH_KEY)
    assert mesh_public(MESH_KEY).startswith("-----BEGIN RSA PUBLIC KEY-----")


def test_private_keys_have_the_forms_that_sshd_and_tincd_read() -> None:
    assert HOST_KEY.startswith("-----BEGIN OPENSSH PRIVATE " + "KEY-----\n") and HOST_KEY.endswith("-----\n")
    assert MESH_KEY.startswith("-----BEGIN RSA PRIVATE " + "KEY-----\n") and MESH_KEY.endswith("-----\n")


def test_a_fingerprint_is_the_one_that_ssh_keygen_prints() -> None:
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBiKfcqWcX11cTc7gIWCDJGF2HXpXQY0pIdwWxyQgRE"
    assert fingerprint(line) == "SHA256:dTQaQGatBb0rl2BfKGTLL4DFawbvekqMHBh2rsnb4f8"


def test_a_preview_does_without_identities() -> None:
    identities = lab(None, None, preview=True).identities
    assert identities.missing == ("fog",)
    assert ssh_public(identities.host_key("fog").get_secret_value()) == PLACEHOLDER
    assert mesh_public(identities.mesh_key("fog").get_secret_value()) == PLACEHOLDER


def test_an_update_without_identities_names_each_and_the_command_that_makes_them() -> None:
    with pytest.raises(Refused) as refused:
        lab(None, None)
    assert [problem.message for problem in refused.value.problems] == ["no host key for fog", "no mesh key for fog"]
    assert {problem.remedy for problem in refused.value.problems} == {"run `make init STACK=mine`"}


def test_a_machine_that_is_not_rented_has_no_identity() -> None:
    with pytest.raises(KeyError):
        lab().identities.host_key("oak")


def test_no_text_of_the_configuration_shows_a_secret() -> None:
    homelab = lab()
    shown = f"{homelab} {homelab!r} {homelab.identities} {homelab.model_dump()} {homelab.model_dump_json()}"
    for secret in secret_texts(homelab):
        assert not [line for line in secret.get_secret_value().splitlines() if "-----" not in line and line in shown]


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


@pytest.mark.parametrize(
    "bad",
    [
        "sensitive",
        HOST_KEY[:100] + HOST_KEY[110:],
        MESH_KEY,
        pem(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.OpenSSH),
        PLACEHOLDER,
    ],
)
def test_a_host_key_that_cannot_be_used_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(Refused, match="the host key of fog cannot be used") as refused:
        lab(host=bad)
    assert not [line for line in bad.splitlines() if line != PLACEHOLDER and line in str(refused.value)]
    assert refused.value.__cause__ is None and refused.value.__context__ is None


@pytest.mark.parametrize("bad", ["sensitive", HOST_KEY, pem(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.PKCS8)])
def test_a_mesh_key_that_cannot_be_used_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(Refused, match="the mesh key of fog cannot be used") as refused:
        lab(mesh=bad)
    assert not [line for line in bad.splitlines() if line in str(refused.value)]


@pytest.mark.parametrize("text", ["sensitive", '["sensitive"]', '{"fog": 5}', '{"fog": {"sensitive": 1}}'])
def test_a_secret_of_another_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="not a JSON object of machine names") as refused:
        parse("mine", SAID, {"rentedHostKeys": text}, preview=True)
    assert "sensitive" not in str(refused.value)
