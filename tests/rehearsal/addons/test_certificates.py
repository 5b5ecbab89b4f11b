"""cert-manager's controllers as the rehearsal builds them: an Ingress gets a certificate of the private authority."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from rehearsal.addons import install
from rehearsal.machines.shell import wait_until
from tests.rehearsal.addons.plane import Plane
from tests.rehearsal.plugins.kubernetes.control_plane import free_ports

pytestmark = pytest.mark.engine
NAMESPACE, HOST = "cert-manager", "plex.homelab.test"


def authority() -> tuple[x509.Certificate, bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made, made.public_bytes(serialization.Encoding.PEM), private


def ingress(name: str, annotations: dict[str, str]) -> dict[str, Any]:
    backend = {"service": {"name": "plex", "port": {"number": 80}}}
    rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": name, "tls": [{"hosts": [HOST], "secretName": "plex-tls"}], "rules": [rule]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def issuing(control: Plane) -> Iterator[Plane]:
    control.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    crds = f"--crds={install.folder() / 'crds'}"
    with control.program(
        "certificates", crds, f"--cluster-resource-namespace={NAMESPACE}", f"--healthz-listen-address={listen}"
    ) as process:
        wait_until(
            lambda: process.poll() is not None or bool(control.get("crd", "clusterissuers.cert-manager.io")),
            60,
            lambda: f"no definitions: {control.log('certificates')}",
            pause=0.5,
        )
        assert process.poll() is None, control.log("certificates")
        control.kubectl("wait", "--for=condition=established", "--timeout=30s", "crd/clusterissuers.cert-manager.io")
        yield control


def test_two_ingresses_of_one_host_get_one_certificate_of_the_private_authority(issuing: Plane) -> None:
    root, certificate, key = authority()
    data = {"tls.crt": b64encode(certificate).decode(), "tls.key": b64encode(key).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data}
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "private"}}
    issuing.apply(
        {**secret, "metadata": {"name": "homelab-authority", "namespace": NAMESPACE}},
        {**issuer, "spec": {"ca": {"secretName": "homelab-authority"}}},
        ingress("public", {"cert-manager.io/cluster-issuer": "private"}),
        ingress("home", {}),
    )
    wait_until(lambda: bool(issuing.get("secret", "plex-tls")), 60, lambda: f"no certificate: {issuing.log('certificates')}", pause=0.5)
    found = issuing.get("secret", "plex-tls")["data"]
    chain = x509.load_pem_x509_certificates(b64decode(found["tls.crt"]))
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(HOST))
    verifier.verify(chain[0], [*chain[1:]])
    assert len(issuing.get("certificates.cert-manager.io", "--all-namespaces")["items"]) == 1


def test_an_issuer_without_its_secret_is_said_to_be_not_ready(issuing: Plane) -> None:
    spec = {"ca": {"secretName": "is-not-there"}}
    issuing.apply({"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "other"}, "spec": spec})
    issuing.kubectl("wait", "--for=condition=Ready=false", "--timeout=30s", "clusterissuer/other")
