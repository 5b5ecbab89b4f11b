"""Values as an operator writes them: names, keys, networks, taints, disk names."""

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from config.base import shown, wrong
from config.size import Size

__all__ = [
    "Address",
    "DiskId",
    "Ed25519PublicKey",
    "Fqdn",
    "HostName",
    "LabelKey",
    "LabelValue",
    "Lan",
    "Network",
    "PrivateNetwork",
    "RsaPublicKey",
    "Serial",
    "Size",
    "Taint",
    "Taints",
    "Text",
    "TimeServer",
    "form",
    "fqdn",
    "host_name",
    "pattern",
]

_ED25519_HEAD = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_FQDN = rf"(?=.{{1,253}}$)(?!.*\.\d+$){_LABEL}(\.{_LABEL})+"
_QUALIFIED = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"


def _text(value: object) -> object:
    """YAML reads 010, 1e3 and true as other things than texts: refuse instead of guessing what was meant."""
    if isinstance(value, bool | int | float):
        raise wrong(f"YAML reads {shown(value)} as a number or a truth value", "put it in quotes")
    return value


def form(pattern: str, what: str, remedy: str) -> AfterValidator:
    """A text that is like the pattern from end to end, as it is. `what`: what any other text is not."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value):
            return value
        raise wrong(f"{shown(value)} is not {what}", remedy)

    return AfterValidator(check)


def pattern(form: str) -> WithJsonSchema:
    """The same for editors."""
    return WithJsonSchema({"type": "string", "pattern": f"^{form}$"})


def host_name(value: str) -> str:
    """One label of a name, as it is. PydanticCustomError (a ValueError) for any other text."""
    if re.fullmatch(_LABEL, value):
        return value
    near = re.sub(r"[^a-z0-9-]", "-", value.lower()).strip("-")[:63].strip("-")
    hint = f", for example {near}" if near else ""
    raise wrong(f"{shown(value)} is not a host name", f"use lower-case letters, digits and '-', at most 63{hint}")


def fqdn(value: str) -> str:
    """A whole domain name, as it is. PydanticCustomError (a ValueError) for any other text."""
    if re.fullmatch(_FQDN, value):
        return value
    raise wrong(f"{shown(value)} is not a domain name", "write it in lower case with at least two parts, for example example.net")


def _time_server(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError:
        return fqdn(value)


def _network(value: object) -> object:
    try:
        interface = IPv4Interface(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is not an IPv4 network", "write address/prefix, for example 10.88.0.0/24") from None
    if "/" not in str(value):
        raise wrong(f"{shown(value)} has no prefix length", "write address/prefix, for example 10.88.0.0/24")
    if interface.ip != interface.network.network_address:
        raise wrong(f"{shown(value)} has host bits set", f"did you mean {interface.network}?")
    return interface.network


def _private(network: IPv4Network) -> IPv4Network:
    if network.is_global:
        advice = "take a private network: in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        raise wrong(f"{network} belongs to others on the Internet", advice)
    return network


def _address(value: object) -> object:
    try:
        return IPv4Address(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is not an IPv4 address", "write for example 10.88.0.1") from None


def _lan(value: object) -> object:
    try:
        interface = IPv4Interface(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is not an IPv4 address with its prefix", "write for example 192.168.1.10/24") from None
    if "/" not in str(value):
        raise wrong(f"{shown(value)} has no prefix length", f"did you mean {value}/24?")
    return interface


def _ed25519(value: str) -> str:
    advice = "give one line 'ssh-ed25519 AAAA…', the content of a file like ssh_host_ed25519_key.pub"
    if "PRIVATE KEY" in value:
        raise wrong("this is a private key", advice + "; that private key has been shown to this file's readers: replace it")
    kind, _, rest = value.strip().partition(" ")
    if kind == "ssh-rsa":
        raise wrong("RSA keys cannot be used: the command provider offers only 'ssh-rsa' (SHA-1) for them, which sshd refuses", advice)
    try:
        blob = base64.b64decode(rest.split(" ", 1)[0], validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if kind != "ssh-ed25519" or "\n" in value.strip() or not blob.startswith(_ED25519_HEAD) or len(blob) != len(_ED25519_HEAD) + 32:
        raise wrong("this is not an ed25519 public key", advice)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def _rsa(value: str) -> str:
    advice = "give the whole block from -----BEGIN RSA PUBLIC KEY----- on, as a YAML text block (publicKey: |)"
    if "PRIVATE KEY" in value:
        raise wrong("this is a private key", advice + "; that private key has been shown to this file's readers: replace it")
    try:
        key = load_pem_public_key(value.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise wrong("this is not an RSA public key in PEM form", advice) from None
    if not isinstance(key, RSAPublicKey):
        raise wrong("this is a public key of another kind than RSA", advice)
    if key.key_size < 2048:
        raise wrong(f"an RSA key of {key.key_size} bit is too weak", "make one of at least 2048 bit")
    return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode().strip()


def _disk(value: str) -> str:
    advice = "give the name under /dev/disk/by-id (ata-…, wwn-…, nvme-…): `ls -l /dev/disk/by-id` on the machine shows them"
    name = value.removeprefix("/dev/disk/by-id/")
    if name.startswith("/") or re.fullmatch(r"(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|loop\d+)(p?\d+)?", name):
        raise wrong(f"{shown(value)} may be another disk after the next boot", advice)
    if name != value:
        raise wrong(f"{shown(value)} is a path", f"write the name alone: {name[:80]}")
    if re.search(r"-part\d+$", name):
        raise wrong(f"{shown(value)} is a partition", "give the whole disk: " + re.sub(r"-part\d+$", "", name)[:80])
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:+=@-]{0,200}", name):
        raise wrong(f"{shown(value)} is not a disk's name", advice)
    return name


@dataclass(frozen=True)
class Taint:
    """A Kubernetes taint; `str()` gives it as it is written: key[=value]:effect."""

    key: str
    value: str | None
    effect: str

    def __str__(self) -> str:
        return f"{self.key}{'' if self.value is None else '=' + self.value}:{self.effect}"


_TAINT = re.compile(rf"(?P<key>{_QUALIFIED})(=(?P<value>{_LABEL_VALUE}))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")


def _taint(value: Any) -> Taint:
    if isinstance(value, Taint):
        return value
    form = _TAINT.fullmatch(value) if isinstance(value, str) else None
    if form is None:
        raise wrong(f"{shown(value)} is not a taint", 'write key:Effect or key=value:Effect, for example "cloud:NoSchedule"')
    return Taint(form["key"], form["value"], form["effect"])


Text = Annotated[str, BeforeValidator(_text)]
HostName = Annotated[Text, AfterValidator(host_name), pattern(_LABEL)]
Fqdn = Annotated[Text, AfterValidator(fqdn), WithJsonSchema({"type": "string", "format": "hostname"})]
TimeServer = Annotated[Text, AfterValidator(_time_server), WithJsonSchema({"type": "string"})]
Network = Annotated[IPv4Network, BeforeValidator(_network), WithJsonSchema({"type": "string", "examples": ["192.168.2.0/24"]})]
PrivateNetwork = Annotated[Network, AfterValidator(_private)]
Address = Annotated[IPv4Address, BeforeValidator(_address), WithJsonSchema({"type": "string", "format": "ipv4"})]
Lan = Annotated[IPv4Interface, BeforeValidator(_lan), WithJsonSchema({"type": "string", "examples": ["192.168.1.10/24"]})]
Ed25519PublicKey = Annotated[Text, AfterValidator(_ed25519), WithJsonSchema({"type": "string", "pattern": "^ssh-ed25519 "})]
RsaPublicKey = Annotated[Text, AfterValidator(_rsa), WithJsonSchema({"type": "string", "pattern": "^-----BEGIN (RSA )?PUBLIC KEY-----"})]
DiskId = Annotated[Text, AfterValidator(_disk), WithJsonSchema({"type": "string", "examples": ["ata-WDC_WD40EFRX_WD-WCC7K0000001"]})]
Serial = Annotated[Text, form(r"[!-~]{1,64}", "a serial number", "copy it from `lsblk -o NAME,SERIAL` on the machine")]
LabelKey = Annotated[Text, form(_QUALIFIED, "the key of a label", "write name or domain/name, letters, digits, '-', '_' and '.'")]
LabelValue = Annotated[Text, form(_LABEL_VALUE, "the value of a label", "at most 63 letters, digits, '-', '_' and '.'")]
Taints = Annotated[
    Taint,
    BeforeValidator(_taint),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": ":(NoSchedule|PreferNoSchedule|NoExecute)$"}),
]
