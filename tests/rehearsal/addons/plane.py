"""A control plane without machines: etcd, the API server and, of the controllers, those of volumes; on loopback, for a test session."""

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rehearsal.addons import install as addons
from rehearsal.kubernetes import install as kubernetes
from rehearsal.machines.shell import wait_until

SERVICES = "10.250.0.0/24"


class Plane:
    """kubectl of that control plane, and programs that work for it. `folder`: keys, kubeconfig, logs."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        self.folder, self.kubeconfig = folder, folder / "kubeconfig"
        cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
        said = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plane", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "test"}}],
            "current-context": "plane",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(said))

    def kubectl(self, *words: str, stdin: str = "", ok: bool = True) -> str:
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'cache'}", *words],
            executable=kubernetes.folder() / "kube",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0 or not ok, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, *words: str) -> dict[str, Any]:
        """One object; empty while it is not there."""
        said = self.kubectl("get", *words, "--output=json", "--ignore-not-found")
        return dict(json.loads(said)) if said else {}

    @contextmanager
    def program(self, name: str, *arguments: str, words: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
        """One of the addons at work for it, ended in the end; with a log of its name. `words`: the program, if it is not the built one."""
        argv = [*(words or [str(addons.folder() / name)]), f"--kubeconfig={self.kubeconfig}", *arguments]
        with running(argv, self.folder / f"{name}.log") as process:
            yield process

    def log(self, name: str) -> str:
        """The end of what a program said, without the requests that it answered."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if " - - [" not in line][-30:])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@contextmanager
def running(argv: list[str], log: Path, name: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process with its own log, ended when the block ends. `name`: what it is called by, where that says what it does."""
    with log.open("wb") as out:
        log.chmod(0o666)  # nginx opens it once more, whoever it runs as
        process = subprocess.Popen([name or argv[0], *argv[1:]], executable=argv[0] if name else None, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def plane(folder: Path) -> Iterator[Plane]:
    programs = kubernetes.ensure()
    addons.ensure()
    token, key, tokens = secrets.token_hex(16), folder / "sa.key", folder / "tokens"
    store, peers, port = free_port(), free_port(), free_port()
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens.touch(mode=0o600)
    tokens.write_text(f"{token},test,test,system:masters\n")
    made = Plane(folder, port, token)
    with ExitStack() as stack:
        data, client, peer = folder / "etcd", f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peers}"
        urls = [f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
        cluster = [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}", "--unsafe-no-fsync"]
        stack.enter_context(running([str(programs / "etcd"), f"--data-dir={data}", *urls, *cluster], folder / "etcd.log"))
        api = [
            f"--etcd-servers={client}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={SERVICES}",
            "--service-account-issuer=https://plane",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--disable-admission-plugins=ServiceAccount",
        ]
        stack.enter_context(running([str(programs / "kube"), *api], folder / "api.log", "kube-apiserver"))
        ready = [f"--kubeconfig={made.kubeconfig}", "--request-timeout=5s", "get", "--raw=/readyz"]

        def answers() -> bool:
            return not subprocess.run(["kubectl", *ready], executable=programs / "kube", capture_output=True).returncode

        wait_until(answers, 90, lambda: f"no API server: {(folder / 'api.log').read_text()[-2000:]}", pause=0.5)
        kinds = ",".join(
            f"{kind}-controller" for kind in ("persistentvolume-binder", "persistentvolume-protection", "persistentvolumeclaim-protection")
        )
        controllers = [f"--kubeconfig={made.kubeconfig}", "--leader-elect=false", f"--controllers={kinds}"]
        secure = [f"--secure-port={free_port()}", "--bind-address=127.0.0.1", f"--cert-dir={folder / 'certificates'}"]
        argv = [str(programs / "kube"), *controllers, *secure]
        stack.enter_context(running(argv, folder / "controllers.log", "kube-controller-manager"))
        yield made
