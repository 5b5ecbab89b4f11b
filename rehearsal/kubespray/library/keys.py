"""Ansible module: the cluster's authorities and every machine's keys and certificates, made once and kept on this machine.

Gives `bundles`: machine -> path -> PEM text. Secret: the task needs `no_log`.
"""

import base64
import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-not-found]

SSL, ETCD, ISSUED = Path("/etc/kubernetes/ssl"), Path("/etc/ssl/etcd/ssl"), Path("/etc/kubernetes/ssl/issued")
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
AUTHORITIES = {
    "kubernetes": (SSL / "ca.crt", SSL / "ca.key"),
    "front-proxy": (SSL / "front-proxy-ca.crt", SSL / "front-proxy-ca.key"),
    "etcd": (ETCD / "ca.pem", ETCD / "ca-key.pem"),
}
ACCOUNTS = (SSL / "sa.pub", SSL / "sa.key")
ENCRYPTION = SSL / "secrets_encryption.yaml"
CLIENTS = {  # of a control plane: file -> authority and subject
    "apiserver-kubelet-client": ("kubernetes", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
    "front-proxy-client": ("front-proxy", "/CN=front-proxy-client"),
    "kube-controller-manager": ("kubernetes", "/CN=system:kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "/CN=system:kube-scheduler"),
    "admin": ("kubernetes", "/O=system:masters/CN=kubernetes-admin"),
}


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authorities() -> None:
    for folder in (SSL, ETCD, ISSUED):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700 if folder == ISSUED else 0o755)
    for name, (certificate, key) in AUTHORITIES.items():
        if not key.exists() or not certificate.exists():
            usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
            openssl("req", "-x509", *CURVE, "-days", "3650", "-subj", f"/CN={name}", *usage, "-keyout", key, "-out", certificate)
    public, private = ACCOUNTS
    if not private.exists():
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    if not ENCRYPTION.exists():
        ENCRYPTION.touch(mode=0o600)
        ENCRYPTION.write_text(encryption(base64.b64encode(os.urandom(32)).decode()))


def encryption(secret: str) -> str:
    return f"""apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox: {{keys: [{{name: key, secret: {secret}}}]}}
      - identity: {{}}
"""


def issue(machine: str, name: str, authority: str, subject: str, names: tuple[str, ...] = ()) -> tuple[str, str]:
    """Certificate and key, made anew when anything they say changed, or less than a month is left."""
    parent, signer = AUTHORITIES[authority]
    base = ISSUED / machine / name
    certificate, key, note = (base.with_name(f"{name}.{end}") for end in ("crt", "key", "txt"))
    said = "\n".join((subject, *names, hashlib.sha256(parent.read_bytes()).hexdigest()))
    if not note.exists() or note.read_text() != said or time.time() - note.stat().st_mtime > 335 * 86400:
        base.parent.mkdir(exist_ok=True)
        extensions = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature,keyEncipherment"]
        extensions += [f"extendedKeyUsage={'serverAuth,' if names else ''}clientAuth"]
        extensions += [f"subjectAltName={','.join(names)}"] if names else []
        added = [word for extension in extensions for word in ("-addext", extension)]
        signed: list[str | Path] = ["-CA", parent, "-CAkey", signer, "-days", "365", "-subj", subject, *added]
        openssl("req", "-x509", *CURVE, *signed, "-keyout", key, "-out", certificate)
        note.write_text(said)
    return certificate.read_text(), key.read_text()


def alternatives(*names: str) -> tuple[str, ...]:
    """Subject alternative names, addresses and names apart."""
    unique = list(dict.fromkeys(name for name in names if name))
    return tuple(f"{'IP' if ':' in name or name.replace('.', '').isdigit() else 'DNS'}:{name}" for name in unique)


def bundle(name: str, said: dict[str, Any], everyone: tuple[str, ...]) -> dict[str, str]:
    """Path -> PEM text of one machine."""
    own = alternatives(name, said["address"], "localhost", "127.0.0.1")
    pairs = {
        SSL / "kubelet": issue(name, "kubelet", "kubernetes", f"/O=system:nodes/CN=system:node:{name}", own),
        SSL / "kube-proxy": issue(name, "kube-proxy", "kubernetes", "/CN=system:kube-proxy"),
    }
    kept = [SSL / "ca.crt"]
    if said["controlPlane"]:
        pairs[SSL / "apiserver"] = issue(name, "apiserver", "kubernetes", "/CN=kube-apiserver", everyone)
        pairs |= {SSL / file: issue(name, file, *client) for file, client in CLIENTS.items()}
        kept += [*ACCOUNTS, ENCRYPTION, *(path for pair in AUTHORITIES.values() for path in pair)]
    texts = {str(path): path.read_text() for path in kept}
    for path, (certificate, key) in pairs.items():
        texts |= {f"{path}.crt": certificate, f"{path}.key": key}
    if said["controlPlane"] or said["etcd"]:
        texts[str(ETCD / "ca.pem")] = AUTHORITIES["etcd"][0].read_text()
        for role in ("member", "admin"):
            certificate, key = issue(name, f"etcd-{role}", "etcd", f"/CN=etcd-{role}-{name}", own)
            texts |= {str(ETCD / f"{role}-{name}.pem"): certificate, str(ETCD / f"{role}-{name}-key.pem"): key}
    return texts


def main() -> None:
    module = AnsibleModule(
        {
            "machines": {"type": "dict", "required": True},
            "extra": {"type": "list", "elements": "str", "default": []},
            "service": {"type": "str", "required": True},
            "domain": {"type": "str", "required": True},
        }
    )
    machines, domain = module.params["machines"], module.params["domain"]
    os.umask(0o077)
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}")
    addresses = [said["address"] for said in machines.values()]
    more = (module.params["service"], *module.params["extra"])
    everyone = alternatives(*machines, *addresses, "localhost", "127.0.0.1", "::1", *service, *more)
    try:
        authorities()
        module.exit_json(bundles={name: bundle(name, said, everyone) for name, said in machines.items()})
    except subprocess.CalledProcessError as failed:
        module.fail_json(msg=f"{' '.join(failed.cmd[:3])}: {failed.stderr.decode().strip()[-500:]}")


if __name__ == "__main__":
    main()
