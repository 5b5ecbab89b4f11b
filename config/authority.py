"""The private certificate authority: signs for names that no public one knows. Made once by `make init`. Pure.

Its certificate is public; whoever trusts it trusts the lab's web pages for twenty years, so it must outlive state, cluster and machines.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID
from pydantic import ConfigDict, SecretStr

from config.base import Model
from config.ceph import PLACEHOLDER
from config.problems import Problem

TOPIC = "certificateAuthority"
YEARS = 20
SKEW = timedelta(hours=1)
"""By which clocks of machines may be behind."""


class Authority(Model):
    """Key (PKCS#8 PEM) and certificate (PEM) of the authority."""

    model_config = ConfigDict(validate_by_name=True)

    key: SecretStr
    certificate: str


def new_key() -> str:
    """A new EC P-256 private key, PKCS#8 PEM with its last newline."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_certificate(key_pem: str, domain: str) -> str:
    """A certificate of the authority for a key, PEM with its last newline. ValueError when the key is none."""
    key = _private(key_pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Home lab {domain}"[:64])])
    now = datetime.now(UTC).replace(microsecond=0)
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=365 * YEARS + 5))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True, decipher_only=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def check_key(text: str) -> str:
    """A word that tells keys apart and gives nothing away. ValueError, without any of the text, when it is no key of this kind."""
    public = _private(text).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _fingerprint(public)


def check_certificate(text: str) -> str:
    """Its fingerprint. ValueError when it is no certificate of an authority."""
    certificate = _certificate(text)
    try:
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        raise ValueError("the certificate of no authority")
    return _fingerprint(certificate.public_bytes(Encoding.DER))


def check_pair(key: str, certificate: str) -> None:
    """ValueError when the certificate is not this key's own."""
    found = _certificate(certificate)
    if found.public_key() != _private(key).public_key():
        raise ValueError("the certificate of another key")
    try:
        found.verify_directly_issued_by(found)
    except (InvalidSignature, ValueError, TypeError):
        raise ValueError("signed by another authority") from None


PARTS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "key": ("authority's key", check_key),
    "certificate": ("authority's certificate", check_certificate),
}
"""Part of the secret -> what it is, how it is checked and told to people."""


def authority(stack: str, said: Mapping[str, str], preview: bool) -> tuple[Authority, list[Problem]]:
    """The identity out of the decrypted secret. In a preview missing parts are placeholders, else problems."""
    problems: list[Problem] = []
    remedy = "restore it from version control: who trusts it would have to trust another one"
    for part, (title, check) in PARTS.items():
        path = f"homelab:{TOPIC}.{part}"
        if part not in said:
            problems += [] if preview else [Problem(path, f"no {title}", f"run `make init STACK={stack}`")]
            continue
        try:
            check(said[part])
        except ValueError as error:
            problems.append(Problem(path, f"the {title} cannot be used: it is {error}", remedy))
    if not problems and all(part in said for part in PARTS):
        try:
            check_pair(said["key"], said["certificate"])
        except ValueError as error:
            problems.append(Problem(f"homelab:{TOPIC}", f"key and certificate do not belong together: it is {error}", remedy))
    return Authority.model_validate({part: said.get(part, PLACEHOLDER) for part in PARTS}), problems


def _private(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a PEM private key without passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a private key of another kind than EC")
    return key


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise ValueError("not a PEM certificate") from None


def _fingerprint(der: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
