"""Keys that outlive the state: made once by `make init`, kept encrypted in the stack file. Pure.

A preview does without them: each missing one is then PLACEHOLDER, which is no key and stays recognisable in every text it reaches.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import ConfigDict, Field, SecretStr

from config.authority import TOPIC as AUTHORITY
from config.authority import Authority, authority
from config.backup import PASSPHRASES, passphrases
from config.base import FrozenMapping, Model
from config.ceph import PLACEHOLDER, CephKeys, ceph_keys
from config.ceph import TOPIC as CEPH
from config.problems import Problem

__all__ = [
    "AUTHORITY",
    "CEPH",
    "HOST_KEYS",
    "MESH_KEYS",
    "PASSPHRASES",
    "PLACEHOLDER",
    "Identities",
    "fingerprint",
    "identities",
    "mesh_public",
    "new_host_key",
    "new_mesh_key",
    "ssh_public",
]

HOST_KEYS = "rentedHostKeys"
MESH_KEYS = "rentedMeshKeys"


class Identities(Model):
    """Private keys of rented machines by machine name: SSH host keys (OpenSSH PEM) and Tinc keys (PKCS#1 PEM). Ceph's and the
    certificate authority's, where there is any. The passphrases of backups by machine or client."""

    model_config = ConfigDict(validate_by_name=True)

    rented_host_keys: FrozenMapping[str, SecretStr]
    rented_mesh_keys: FrozenMapping[str, SecretStr]
    ceph: CephKeys | None = None
    authority: Authority | None = None
    backup_passphrases: FrozenMapping[str, SecretStr] = Field(default_factory=dict)

    def host_key(self, machine: str) -> SecretStr:
        """The SSH host key of a rented machine. KeyError for any other name."""
        return self.rented_host_keys[machine]

    def mesh_key(self, machine: str) -> SecretStr:
        """The mesh key of a rented machine. KeyError for any other name."""
        return self.rented_mesh_keys[machine]

    @property
    def missing(self) -> tuple[str, ...]:
        """Machines and clients with a placeholder in place of a key; Ceph and the certificate authority if their own are not all there."""
        all_of_them = (self.rented_host_keys, self.rented_mesh_keys, self.backup_passphrases)
        machines = {name for keys in all_of_them for name, key in keys.items() if key.get_secret_value() == PLACEHOLDER}
        ceph = self.ceph and (self.ceph.fsid, self.ceph.mon_key.get_secret_value(), self.ceph.admin_key.get_secret_value())
        signs = self.authority and (self.authority.key.get_secret_value(), self.authority.certificate)
        others = (("Ceph", ceph), ("the certificate authority", signs))
        return (*sorted(machines), *(name for name, parts in others if parts and PLACEHOLDER in parts))


def new_host_key() -> str:
    """A new ed25519 private key, OpenSSH PEM with its last newline."""
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def new_mesh_key() -> str:
    """A new RSA private key of 2048 bit as Tinc reads it: PKCS#1 PEM with its last newline."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def ssh_public(private_openssh_pem: str) -> str:
    """`ssh-ed25519 AAAA…` of a private key. ValueError, without any of the text, when it is no ed25519 key."""
    if private_openssh_pem == PLACEHOLDER:
        return PLACEHOLDER
    try:
        key = load_ssh_private_key(private_openssh_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not an OpenSSH private key without passphrase") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError("a private key of another kind than ed25519")
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@lru_cache  # checking the key takes long, and both the configuration and the mesh ask
def mesh_public(private_pem: str) -> str:
    """`BEGIN RSA PUBLIC KEY` (PKCS#1 PEM, no last newline) of a private key. ValueError, without the text, when it is no RSA key."""
    if private_pem == PLACEHOLDER:
        return PLACEHOLDER
    try:
        key = load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a PEM private key without passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("a private key of another kind than RSA")
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode().strip()


def fingerprint(public: str) -> str:
    """SHA256:… of a line like `ssh-ed25519 …`, as `ssh-keygen -l` prints it; of any other text, of its bytes."""
    parts = public.split()
    blob = base64.b64decode(parts[1]) if public.startswith(("ssh-", "ecdsa-")) else public.encode()
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def identities(
    stack: str,
    rented: Iterable[str],
    secrets: Mapping[str, Mapping[str, str]],
    preview: bool,
    ceph: bool = False,
    signs: bool = False,
    backed_up: Iterable[str] = (),
) -> tuple[Identities, list[Problem]]:
    """The identities of the rented machines, of Ceph and of the certificate authority where they are wanted (`ceph`, `signs`), and of those
    that are backed up, out of the decrypted secrets.

    In a preview missing keys are placeholders, else problems.
    """
    keys, problems = ceph_keys(stack, secrets.get(CEPH, {}), preview) if ceph else (None, [])
    signer, unsigned = authority(stack, secrets.get(AUTHORITY, {}), preview) if signs else (None, [])
    problems += unsigned
    chosen: dict[str, dict[str, SecretStr]] = {HOST_KEYS: {}, MESH_KEYS: {}}
    for topic, kind, public in ((HOST_KEYS, "host key", ssh_public), (MESH_KEYS, "mesh key", mesh_public)):
        for machine in rented:
            key = secrets.get(topic, {}).get(machine)
            problem = _problem(key, kind, machine, public, stack, preview)
            chosen[topic][machine] = SecretStr(PLACEHOLDER if key is None else key)
            problems += [Problem(f"homelab:{topic}.{machine}", *problem)] if problem else []
    phrases, lacking = passphrases(stack, backed_up, secrets.get(PASSPHRASES, {}), preview)
    found = Identities.model_validate({**chosen, "ceph": keys, "authority": signer, "backup_passphrases": phrases})
    return found, [*problems, *lacking]


def _problem(key: str | None, kind: str, machine: str, public: Callable[[str], str], stack: str, preview: bool) -> tuple[str, str] | None:
    if key is None:
        return None if preview else (f"no {kind} for {machine}", f"run `make init STACK={stack}`")
    try:
        if public(key) != PLACEHOLDER:
            return None
        reason = "a placeholder"
    except ValueError as error:
        reason = str(error)
    remedy = f"take {machine} out of this secret, then `make init STACK={stack}` makes a new one"
    return f"the {kind} of {machine} cannot be used: it is {reason}", remedy
