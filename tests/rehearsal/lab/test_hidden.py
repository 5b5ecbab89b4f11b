"""No private key stands anywhere but where it belongs: state, logs, journals, command lines and error texts are all walked."""

import json
import threading
from pathlib import Path

import pytest

from rehearsal import paths
from tests.rehearsal.lab.lab import Lab

pytestmark = pytest.mark.rehearsal
MACHINES = ("leviathan", "absis", "nimbus", "laptop")
CLUSTER = """
cat /var/lib/homelab/kubespray/ssh/id_ed25519 /etc/kubernetes/ssl/*.key /etc/ssl/etcd/ssl/*-key.pem
sed -n 's/^ *client-key-data: //p' /etc/kubernetes/admin.conf
"""


@pytest.fixture(scope="module")
def secrets(lab: Lab) -> list[str]:
    """Telling lines of every private key of the lab."""
    keys = [(paths.keys() / "operator").read_text()]
    for topic in ("rentedHostKeys", "rentedMeshKeys"):
        keys += json.loads(lab.pulumi("config", "get", f"homelab:{topic}", config=False).stdout).values()
    keys += [lab.inside(name, "cat", "/etc/tinc/homelab/rsa_key.priv").stdout for name in MACHINES]
    keys.append(lab.inside("leviathan", "sh", "-ec", CLUSTER).stdout)
    lines = [line for key in keys for line in key.splitlines() if len(line) >= 40 and "-----" not in line]
    assert len(lines) > 100
    return [*lines, *(line.replace("/", "\\/") for line in lines if "/" in line)]


def found(secrets: list[str], text: str) -> list[str]:
    """The first characters of what leaked, enough to search for."""
    return [line[:12] for line in secrets if line in text]


def test_the_state_keeps_secrets_inside_secret_wrappers(lab: Lab, secrets: list[str]) -> None:
    assert found(secrets, lab.pulumi("stack", "export", config=False).stdout) == []
    stored = "".join(path.read_text(errors="replace") for path in (paths.state() / "backend").rglob("*") if path.is_file())
    assert found(secrets, stored) == []


def test_nothing_of_what_up_printed_is_a_secret(made: str, secrets: list[str]) -> None:
    assert found(secrets, made) == []


@pytest.mark.parametrize("name", MACHINES)
def test_no_journal_holds_a_secret(lab: Lab, secrets: list[str], name: str) -> None:
    assert found(secrets, lab.inside(name, "journalctl", "--no-pager", "-o", "cat").stdout) == []


def test_no_command_line_and_no_error_text_holds_a_secret(lab: Lab, secrets: list[str]) -> None:
    """Every process of the host, hence of every machine, is looked at while the step that carries a private key runs, and fails."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_text(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    tinc = "/etc/tinc/homelab"
    try:
        lab.inside("nimbus", "mv", f"{tinc}/rsa_key.priv", f"{tinc}/kept")
        lab.inside("nimbus", "mkdir", f"{tinc}/rsa_key.priv")
        lab.inside("nimbus", "touch", f"{tinc}/rsa_key.priv/in-the-way")
        failed = lab.up("--replace", lab.urn("mesh-key-nimbus"), ok=False)
    finally:
        lab.inside("nimbus", "rm", "-rf", f"{tinc}/rsa_key.priv")
        lab.inside("nimbus", "mv", f"{tinc}/kept", f"{tinc}/rsa_key.priv")
        done.set()
        watcher.join()
    assert any("mesh/key" in line for line in seen)
    assert found(secrets, "\n".join(seen)) == [] and found(secrets, failed.stdout + failed.stderr) == []
    lab.up()
