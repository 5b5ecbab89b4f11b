"""What `releases/names` makes of its document on a machine; systemd and dnsmasq are recorded, files are real."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.graph import ROOT

SCRIPTS = ROOT / "components/releases/scripts"
Names = Callable[[dict[str, str]], None]


class Machine:
    """A folder in the place of /etc, and the commands that were given."""

    def __init__(self, root: Path) -> None:
        self.home, self.units = root / "names", root / "units"
        self.units.mkdir()
        self.said: list[str] = []
        self.refused, self.taken = "", False
        self.running: set[str] = set()

    def sh(self, *argv: str, check: bool = True, stdin: str = "") -> SimpleNamespace:
        self.said.append(" ".join(argv))
        failed = (argv[0] == "dnsmasq" and self.refused) or (argv[:2] == ("systemctl", "restart") and self.taken)
        told = "failed to create listening socket for 192.168.77.10: Address already in use" if argv[0] == "journalctl" else ""
        return SimpleNamespace(returncode=1 if failed else 0, stderr=self.refused, stdout=told)

    def active(self, unit: str) -> bool:
        return unit in self.running

    @property
    def confs(self) -> list[str]:
        return sorted(path.name for path in self.home.glob("*"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def names(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    monkeypatch.syspath_prepend(str(ROOT / "components/remote/scripts"))
    before = sys.modules.pop("converge", None)
    path = SCRIPTS / "names"
    space: dict[str, Any] = {"__name__": "names", "__file__": str(path)}
    exec(compile(path.read_text(), "names", "exec"), space)
    template = machine.units / "homelab-names@.service"
    space.update(HOME=machine.home, UNITS=machine.units, TEMPLATE=template, sh=machine.sh, active=machine.active)

    def ran(files: dict[str, str]) -> None:
        machine.said.clear()
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"files": files})))
        space["main"]()

    yield ran
    sys.modules.pop("converge", None)
    if before:
        sys.modules["converge"] = before


BOTH = {"mesh.conf": "port=53\n", "lan.conf": "port=53\n# lan\n"}


def test_each_view_is_served_by_a_program_of_its_own(machine: Machine, names: Names) -> None:
    names(BOTH)
    assert machine.confs == ["lan.conf", "mesh.conf"] and (machine.home / "lan.conf").read_text() == BOTH["lan.conf"]
    for view in ("mesh", "lan"):
        assert f"systemctl enable -q homelab-names@{view}.service" in machine.said
        assert f"systemctl restart homelab-names@{view}.service" in machine.said
    assert "--conf-file=" in (machine.units / "homelab-names@.service").read_text()


def test_a_second_run_restarts_nothing(machine: Machine, names: Names) -> None:
    names(BOTH)
    machine.running = {"homelab-names@mesh.service", "homelab-names@lan.service"}
    names(BOTH)
    assert not [line for line in machine.said if "restart" in line or "daemon-reload" in line]


def test_only_the_view_that_changed_is_restarted_and_one_that_died_is_started(machine: Machine, names: Names) -> None:
    names(BOTH)
    machine.running = {"homelab-names@mesh.service", "homelab-names@lan.service"}
    names({**BOTH, "lan.conf": "port=53\n# other\n"})
    assert [line for line in machine.said if "restart" in line] == ["systemctl restart homelab-names@lan.service"]
    machine.running = {"homelab-names@lan.service"}
    names({**BOTH, "lan.conf": "port=53\n# other\n"})
    assert [line for line in machine.said if "restart" in line] == ["systemctl restart homelab-names@mesh.service"]


def test_a_view_that_is_no_more_is_ended_and_its_file_taken_away(machine: Machine, names: Names) -> None:
    names(BOTH)
    names({"mesh.conf": BOTH["mesh.conf"]})
    assert machine.confs == ["mesh.conf"] and "systemctl disable --now -q homelab-names@lan.service" in machine.said


def test_without_any_view_nothing_stays(machine: Machine, names: Names) -> None:
    names(BOTH)
    names({})
    assert machine.confs == [] and not [*machine.units.iterdir()] and "systemctl daemon-reload" in machine.said


def test_a_configuration_that_dnsmasq_refuses_changes_nothing(machine: Machine, names: Names) -> None:
    names(BOTH)
    machine.refused = "dnsmasq: bad option at line 1 of stdin"
    with pytest.raises(SystemExit, match="refuses the configuration for the mesh: dnsmasq: bad option"):
        names({"mesh.conf": "bogus\n"})
    assert (machine.home / "mesh.conf").read_text() == BOTH["mesh.conf"] and machine.confs == ["lan.conf", "mesh.conf"]


def test_a_port_that_another_name_server_has_is_told_with_the_way_out(machine: Machine, names: Names) -> None:
    machine.taken = True
    with pytest.raises(SystemExit, match=r"to the lan:\n.*Address already in use\n.*homelab:names.lanServer: false"):
        names({"lan.conf": BOTH["lan.conf"]})
    with pytest.raises(SystemExit, match=r"to the mesh:\n.*Address already in use\n.*listen at those that it serves only"):
        names({"mesh.conf": BOTH["mesh.conf"]})


def test_leaving_ends_what_answers_and_takes_its_files(tmp_path: Path) -> None:
    said, etc = tmp_path / "said", tmp_path / "etc"
    (etc / "homelab/names").mkdir(parents=True)
    (etc / "systemd/system").mkdir(parents=True)
    (etc / "systemd/system/homelab-names@.service").touch()
    for view in ("mesh", "lan"):
        (etc / f"homelab/names/{view}.conf").touch()
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{said}\n')
    (tmp_path / "systemctl").chmod(0o755)
    script = (SCRIPTS / "leave").read_text().replace("/etc/", f"{etc}/")
    for _ in range(2):  # also when nothing is there any more
        subprocess.run(["sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert [*etc.rglob("*.conf")] == [] and not (etc / "homelab/names").exists() and not [*(etc / "systemd/system").iterdir()]
    assert {"disable --now -q homelab-names@mesh", "disable --now -q homelab-names@lan", "daemon-reload"} <= {
        *said.read_text().splitlines()
    }


def test_what_runs_can_be_looked_at_on_any_machine(tmp_path: Path) -> None:
    etc, said = tmp_path / "etc", tmp_path / "said"
    (etc / "homelab/names").mkdir(parents=True)
    (etc / "homelab/names/mesh.conf").touch()
    for name, text in (("systemctl", "echo active"), ("kubectl", f'echo "$@" >>{said}; echo something')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = (SCRIPTS / "status").read_text().replace("/etc/", f"{etc}/")

    def status() -> str:
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(["sh", "-c", script], env=env, check=True, capture_output=True, text=True).stdout

    assert status() == "names for the mesh: active\n" and not said.exists()
    (etc / "kubernetes").mkdir()
    (etc / "kubernetes/admin.conf").touch()
    assert status().count("something") == 4 and "owner=helm,status!=superseded" in said.read_text()
