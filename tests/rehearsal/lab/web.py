"""The applications of the rehearsed lab in the hands of a test: their pages from every side, their data, their releases."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from config.load import read
from rehearsal import pages
from tests.rehearsal.lab.kube import Kube, condition, eventually
from tests.rehearsal.lab.lab import ROOT, STACK, Lab

Side = Literal["internet", "lan", "mesh"]
SIDES: tuple[Side, ...] = ("internet", "lan", "mesh")
SPACE = "applications"
DOMAIN = "homelab.test"
ASK = """
import http.client, json, socket, ssl, sys
said = json.load(sys.stdin)
context = ssl.create_default_context(cadata=said["authority"])
try:
    plain = socket.create_connection((said["address"], 443 if said["secure"] else 80), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=said["host"]) if said["secure"] else plain as channel:
        asked = http.client.HTTPConnection(said["host"])
        asked.sock = channel
        asked.request(said["method"], said["path"], said["body"].encode(), {"Host": said["host"], "Connection": "close"})
        with asked.getresponse() as answer:
            found = [answer.status, answer.headers["Location"] or answer.read().decode(errors="replace")]
except OSError as problem:
    found = [0, repr(problem)]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Answer:
    """`status` 0: nobody answered, or not with a certificate of the private authority for that name; then `text` says why."""

    status: int
    text: str


class Web:
    """Asks pages by the machine's address, as the outputs of the stack have it now. The desk stands in the home LAN and in the Internet."""

    def __init__(self, lab: Lab) -> None:
        self._lab, outputs = lab, lab.outputs()
        self.authority: str = outputs["certificateAuthority"]
        lan = {name: str(said.lan.ip) for name, said in read(STACK).machines.items() if said.lan}
        self.doors: dict[Side, dict[str, str]] = dict(zip(SIDES, pages.doors(outputs["machines"], lan).values(), strict=True))

    def ask(
        self, side: Side, app: str, path: str = "/", *, method: str = "GET", body: str = "", door: str = "", secure: bool = True
    ) -> Answer:
        """One request from one side. `door`: at which machine; else the first of that side."""
        doors = self.doors[side]
        said = {
            "authority": self.authority,
            "address": doors[door] if door else next(iter(doors.values())),
            "host": f"{app}.{DOMAIN}",
            "path": path,
            "method": method,
            "body": body,
            "secure": secure,
        }
        if side == "mesh":
            done = self._lab.inside("laptop", "python3", "-c", ASK, stdin=json.dumps(said))
        else:
            argv = [sys.executable, "-c", ASK]
            done = subprocess.run(argv, input=json.dumps(said), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return Answer(*json.loads(done.stdout))

    def reached(self, side: Side, app: str, path: str = "/", *, door: str = "", text: str = "", within: float = 60) -> str:
        """What the page says, when it comes to answer 200 (and to have `text` in it)."""
        last = Answer(0, "")

        def well() -> bool:
            nonlocal last
            last = self.ask(side, app, path, door=door)
            return last.status == 200 and text in last.text

        eventually(well, within, lambda: f"{app} from {side} at {door or 'the first door'}: {last}")
        return last.text

    def gone(self, side: Side, app: str) -> None:
        """The page comes to answer no more."""
        eventually(lambda: self.ask(side, app).status not in (200, 502), 60, lambda: f"{app} still answers: {self.ask(side, app)}")

    def write(self, side: Side, app: str, name: str, text: str) -> None:
        """Keep a file by the application."""
        answer = self.ask(side, app, f"/data/{name}", method="PUT", body=text)
        assert answer.status == 201, answer

    def read(self, side: Side, app: str, name: str, within: float = 60) -> str:
        """A file that the application has kept."""
        return self.reached(side, app, f"/data/{name}", within=within)


def pod(kube: Kube, app: str) -> dict[str, Any]:
    """The application's one pod that is ready and stays; empty while there is none."""
    found = kube.get(
        "pods", f"--namespace={SPACE}", f"--selector=app.kubernetes.io/instance={app},app.kubernetes.io/component=app", ok=False
    )
    return next((one for one in found if condition(one, "Ready") and "deletionTimestamp" not in one["metadata"]), {})


def node(kube: Kube, app: str) -> str:
    """Where it runs; empty while it does not."""
    return str(pod(kube, app).get("spec", {}).get("nodeName", ""))


def revisions(kube: Kube, name: str, namespace: str = SPACE) -> dict[int, str]:
    """Revision of a release -> its status, as Helm keeps them."""
    found = kube.get("secrets", f"--namespace={namespace}", f"--selector=owner=helm,name={name}")
    return {int(one["metadata"]["labels"]["version"]): one["metadata"]["labels"]["status"] for one in found}


def releases(kube: Kube) -> dict[str, tuple[int, str]]:
    """namespace/name of every release -> its last revision and the status of that."""
    found = kube.get("secrets", "--all-namespaces", "--selector=owner=helm")
    said = [(one["metadata"]["namespace"], one["metadata"]["labels"]) for one in found]
    return {
        f"{space}/{of['name']}": (int(of["version"]), of["status"]) for space, of in sorted(said, key=lambda one: int(one[1]["version"]))
    }


@contextmanager
def cordoned(kube: Kube, name: str) -> Iterator[None]:
    """No new pods on a machine."""
    kube("cordon", name)
    try:
        yield
    finally:
        kube("uncordon", name)


@contextmanager
def changed_file(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """A file of the project is another for a while."""
    file = Path(ROOT, name)
    before = file.read_bytes()
    after = change(before.decode())
    assert after.encode() != before, f"{name} is as it was"
    file.write_text(after)
    try:
        yield
    finally:
        file.write_bytes(before)


def application(name: str, **said: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the stack file: further keys of an application."""

    def change(config: dict[str, Any]) -> None:
        config["homelab:applications"][name].update(said)

    return change
