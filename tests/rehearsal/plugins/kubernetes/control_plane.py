"""A control plane of plain processes on loopback: etcd, API server, controller manager. No kubelet, so no pod ever runs."""

import base64
import json
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.rehearsal.engine.stack import until

PATIENCE = 90.0  # seconds for each process to answer: two processors may have much else to do


@dataclass(frozen=True)
class ControlPlane:
    """`kubectl` and `certificate_authority` are files; `port` is the API server's."""

    kubectl: Path
    certificate_authority: Path
    port: int
    tokens: Mapping[str, str]
    """Of two users who may do everything: their names and tokens."""

    def kubeconfig(self, user: str = "first") -> str:
        authority = base64.b64encode(self.certificate_authority.read_bytes()).decode()
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": authority}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "toy",
                "clusters": [{"name": "toy", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": self.tokens[user]}}],
                "contexts": [{"name": "toy", "context": {"cluster": "toy", "user": user}}],
            }
        )

    def ask(self, *words: str) -> str:
        """What kubectl prints."""
        done = self._kubectl(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words: str) -> Any:
        """An object or a list of objects; None when there is none."""
        text = self.ask("get", *words, "--output=json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def there(self, *words: str) -> bool:
        return self.get(*words) is not None

    def ready(self) -> bool:
        return self.certificate_authority.exists() and self._kubectl("get", "--raw", "/readyz").returncode == 0

    def _kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        config = self.kubectl.with_name("kubeconfig")
        config.write_text(self.kubeconfig())
        line = [str(self.kubectl), f"--kubeconfig={config}", f"--cache-dir={config.with_name('cache')}", *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=60)


@contextmanager
def control_plane(programs: Path, folder: Path) -> Iterator[ControlPlane]:
    """One that answers, of the rehearsal's own programs; ended with all it was."""
    etcd, peer, api, controllers = free_ports(4)
    tokens = {user: secrets.token_hex(16) for user in ("first", "second")}
    (folder / "tokens.csv").write_text("".join(f"{token},{user},{user},system:masters\n" for user, token in tokens.items()))
    (folder / "service-accounts.pem").write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    for name in ("kube-apiserver", "kube-controller-manager", "kubectl"):
        (folder / name).symlink_to(programs / "kube")
    plane = ControlPlane(folder / "kubectl", folder / "serving" / "apiserver.crt", api, tokens)
    client, between = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
    with ExitStack() as running:
        start(
            running,
            folder,
            [
                str(programs / "etcd"),
                f"--data-dir={folder}/etcd-data",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={between}",
                f"--initial-advertise-peer-urls={between}",
                f"--initial-cluster=default={between}",
                "--unsafe-no-fsync",
            ],
        )
        server = start(
            running,
            folder,
            [
                str(folder / "kube-apiserver"),
                f"--etcd-servers={client}",
                "--bind-address=127.0.0.1",
                f"--secure-port={api}",
                f"--cert-dir={folder}/serving",
                "--endpoint-reconciler-type=none",
                "--allow-privileged=true",  # as clusters have it; without it no pod may ask for a device
                "--authorization-mode=RBAC",
                f"--token-auth-file={folder}/tokens.csv",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={folder}/service-accounts.pem",
                f"--service-account-signing-key-file={folder}/service-accounts.pem",
                "--service-cluster-ip-range=10.233.0.0/18",
            ],
        )
        until(lambda: server.poll() is not None or plane.ready(), "the API server answers", PATIENCE)
        assert server.poll() is None, (folder / "kube-apiserver.log").read_text()[-3000:]
        (folder / "controllers").write_text(plane.kubeconfig())
        start(
            running,
            folder,
            [
                str(folder / "kube-controller-manager"),
                f"--kubeconfig={folder}/controllers",
                "--bind-address=127.0.0.1",
                f"--secure-port={controllers}",
                f"--cert-dir={folder}/serving",
                "--leader-elect=false",
                f"--service-account-private-key-file={folder}/service-accounts.pem",
                "--use-service-account-credentials=false",
            ],
        )
        until(lambda: plane.there("serviceaccount", "default"), "the controllers work", PATIENCE)
        yield plane


def start(running: ExitStack, folder: Path, line: Sequence[str]) -> "subprocess.Popen[bytes]":
    """A process with its log in the folder, ended when `running` ends."""
    log = running.enter_context((folder / f"{Path(line[0]).name}.log").open("wb"))
    process = subprocess.Popen(line, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    running.callback(process.wait, 30)
    running.callback(process.kill)
    return process


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
