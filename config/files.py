"""What the operator's own files add to a configuration: the private key for SSH, known host keys."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_ssh_private_key
from pydantic import SecretStr

from config.identities import fingerprint
from config.machines import Machine
from config.problems import Problem

PUBLIC_KEY = "homelab:operator.publicKey"
PRIVATE_KEY = "homelab:operator.privateKeyFile"
KNOWN_HOSTS = "homelab:operator.knownHostsFile"


class Unreadable(Exception):
    """A file that cannot be used, as the problem to show."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def operator_key(name: str, root: Path) -> SecretStr:
    """The text of the private key in file `name`. Raises Unreadable, never with any of that text."""
    text = _read(PRIVATE_KEY, name, root)
    if "PRIVATE KEY-----" not in text:
        raise Unreadable(Problem(PRIVATE_KEY, "the file is no private key", "name the file without .pub"))
    try:
        _private(text)
    except TypeError:
        remedy = "leave privateKeyFile out and add the key to the SSH agent (ssh-add)"
        raise Unreadable(Problem(PRIVATE_KEY, "the key is protected by a passphrase", remedy)) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unreadable(Problem(PRIVATE_KEY, "the private key cannot be read", "check it with `ssh-keygen -y -f`")) from None
    return SecretStr(text)


def pair(public: str, private: SecretStr, name: str) -> list[Problem]:
    """What is wrong when `public` is not the public half of the key in file `name`, a text that `operator_key` gave."""
    half = _private(private.get_secret_value()).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    if half == public:
        return []
    message = f"this is {fingerprint(public)}, but the file {name} of operator.privateKeyFile holds the private half of {fingerprint(half)}"
    return [Problem(PUBLIC_KEY, message, f"put here what `ssh-keygen -y -f {name}` prints, or name the file of this key")]


def known_hosts(name: str, root: Path) -> str:
    """The text of the known_hosts file `name`. Raises Unreadable."""
    return _read(KNOWN_HOSTS, name, root)


def pin(machines: Mapping[str, Machine], known: str) -> Mapping[str, Machine]:
    """The machines, each own one without a host key with the ed25519 key that the known_hosts text has for it."""
    return MappingProxyType({name: _pinned(name, machine, known) for name, machine in machines.items()})


def host_key(known: str, hosts: tuple[str, ...], port: int) -> str | None:
    """The first ed25519 key of any of the hosts in a known_hosts text (plain or hashed names), without its comment."""
    names = [host if port == 22 else f"[{host}]:{port}" for host in hosts]
    for line in known.splitlines():
        parts = line.split()
        if len(parts) >= 3 and parts[1] == "ssh-ed25519" and any(_matches(parts[0], name) for name in names):
            return f"{parts[1]} {parts[2]}"
    return None


def _private(text: str) -> Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey:
    """Raises ValueError, UnsupportedAlgorithm, or TypeError when there is a passphrase."""
    load = load_ssh_private_key if "OPENSSH" in text else load_pem_private_key
    key = load(text.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError("a key that SSH does not know")
    return key


def _pinned(name: str, machine: Machine, known: str) -> Machine:
    if machine.ssh is None or machine.lan is None or machine.ssh.host_key is not None:
        return machine
    key = host_key(known, (str(machine.lan.ip), name), machine.ssh.port)
    return machine.model_copy(update={"ssh": machine.ssh.model_copy(update={"host_key": key})})


def _matches(field: str, name: str) -> bool:
    if not field.startswith("|1|"):
        return name in field.split(",")
    try:
        salt, digest = (base64.b64decode(part) for part in field[3:].split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _read(key: str, name: str, root: Path) -> str:
    if "\n" in name or "KEY--" in name:
        raise Unreadable(Problem(key, "this is the content of a file", "write the file's path"))
    try:
        return (root / Path(name).expanduser()).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Unreadable(Problem(key, f"there is no file {name}", "correct the path; it is relative to the project's folder")) from None
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        problem = Problem(key, f"the file {name} cannot be read ({type(error).__name__})", "check the path and who may read it")
        raise Unreadable(problem) from None
