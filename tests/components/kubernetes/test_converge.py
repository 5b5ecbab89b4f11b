"""The converge step without machines: ssh, systemd and Ansible are stand-ins in a folder of their own; everything else is real.

Runs that somebody attaches to are processes of their own, as on a runner; all others go on within the test, which is quicker.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

SCRIPTS = Path(__file__).parents[3] / "components/kubernetes/scripts"
sys.path.insert(0, str(SCRIPTS))
import steps  # noqa: E402
from members import Members  # noqa: E402
from places import Places, put, put_json, read_json  # noqa: E402
from steps import environment, prune  # noqa: E402

MACHINES = {"leviathan": "10.88.0.1", "absis": "10.88.0.2", "nimbus": "10.88.0.100"}
WANTED = {
    "kubespray": "v2.31.0",
    "version": "1.35.4",
    "order": [*MACHINES],
    "machines": {name: {"groups": [], "variables": {"ip": address}} for name, address in MACHINES.items()},
    "variables": "aaa",
}
CLUSTER = {"playbook": "cluster.yml", "variables": {"kube_version": "1.35.4"}, "limit": None, "reason": "nothing is installed yet"}

SSH = """
import sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
from places import Places
root = Path({root!r})
target = next(one for one in sys.argv if one.startswith("root@"))
machine = root / target.removeprefix("root@")
if not machine.is_dir():
    sys.exit(print(f"ssh: connect to host {{target}}: No route to host", file=sys.stderr) or 255)
arguments = sys.argv[sys.argv.index(target) + 2:]
member = dict(__name__="member")
exec(Path({scripts!r}, "member").read_text(), member)
member["main"](arguments, Places(machine))
"""
SYSTEMD_RUN = """
import subprocess, sys
from pathlib import Path
argv = sys.argv[1:]
command = argv[next(i for i, one in enumerate(argv) if not one.startswith("-")):]
journal = open({root!r} + "/journal", "w")
child = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=journal, stderr=journal)
Path({root!r}, "unit").write_text(str(child.pid))
Path({root!r}, "units").open("a").write("x")
"""
SYSTEMCTL = """
[ "$1" = is-active ] || exit 0
pid=$(cat "{root}/unit" 2>/dev/null) && read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" && [ "$state" != Z ] && echo active && exit 0
echo inactive; exit 3
"""
ANSIBLE = """
while [ $# -gt 0 ]; do
    case $1 in
    -i) inventory=${{2%/*}} ;;
    -b) playbook=$2 ;;
    -e) variables=$(cat "${{2#@}}") ;;
    esac
    shift
done
echo "[\\"$playbook\\", $variables, \\"${{inventory##*/}}\\", \\"$ANSIBLE_HOST_KEY_CHECKING\\"]" >>"{root}/played"
printf 'PLAY [Install] ***\\nTASK [With the password] ***\\nok: [leviathan] => {{"password": "s3cret-word"}}\\n'
while [ -e "{root}/hold" ]; do sleep 0.05; done
[ ! -e "{root}/fail" ] || {{ echo 'fatal: [absis]: FAILED! => {{"msg": "no room for s3cret-word"}}'; exit 2; }}
mkdir -p "$inventory/artifacts"
echo 'apiVersion: v1' >"$inventory/artifacts/admin.conf"
"""


def wait(done: Callable[[], object], why: str) -> None:
    until = time.monotonic() + 15
    while not done():
        assert time.monotonic() < until, why
        time.sleep(0.02)


class Bench:
    """A runner and three machines below one folder."""

    def __init__(self, root: Path, decisions: list[dict[str, Any]]) -> None:
        self.root, self.places, self.decisions, self.asked = root, Places(root / "runner"), decisions, []
        self.detached = False
        self.fake = root / "bin"
        self.fake.mkdir()
        for name, text in {"ssh": SSH, "systemd-run": SYSTEMD_RUN}.items():
            self.program(self.fake / name, text)
        self.program(self.fake / "systemctl", SYSTEMCTL, "/bin/sh")
        for address in MACHINES.values():
            (root / address).mkdir()
        python = root / "python/bin"
        python.mkdir(parents=True)
        self.program(python / "ansible-playbook", ANSIBLE, "/bin/sh")
        put_json(self.places.source, {"source": "v2.31.0", "folder": str(root), "python": str(root / "python")})

    def program(self, path: Path, text: str, by: str = f"{sys.executable} -IS") -> None:
        path.write_text(f"#!{by}\n{text.format(root=str(self.root), scripts=str(SCRIPTS))}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def document(self, **changed: Any) -> dict[str, Any]:
        hosts = {name: {"address": address, "port": 22, "key": "ssh-ed25519 AAAA", "system": "1"} for name, address in MACHINES.items()}
        said = {
            "source": "v2.31.0",
            "inventory": "all: {}\n",
            "variables": "kube_version: 1.35.4\n",
            "network": "flannel",
            "hosts": hosts,
            "controlPlane": [*MACHINES],
            "wanted": WANTED,
        }
        return {**said, **changed}

    def script(self) -> SimpleNamespace:
        def decide(applied: Any, wanted: Any, living: set[str]) -> dict[str, Any]:
            self.asked.append((applied, wanted, living))
            return self.decisions.pop(0)

        stub = ModuleType("decide")
        stub.decide = decide  # type: ignore[attr-defined]
        before = sys.modules.get("decide")
        sys.modules["decide"] = stub
        found = self.script_of("converge")
        found.Converge.go.__globals__.update(POLL=0.02, sh=self.sh(found.sh))  # where its functions look
        del sys.modules["decide"]
        if before:
            sys.modules["decide"] = before
        return found

    def sh(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def sh(*argv: Any, check: bool = True) -> Any:
            if argv[0] != "systemd-run" or self.detached:
                return real(*argv, check=check)
            with (self.root / "units").open("a") as units:
                units.write("x")
            return steps.Run(self.places, read_json(self.places.run / "task.json")).go()

        return sh

    def ask(self, name: str, *argv: str, stdin: str = "", deadline: float = 0) -> subprocess.CompletedProcess[str]:
        """In the place of `Members.ask`: `member` within this process."""
        machine, member = self.root / MACHINES[name], self.script_of("member")
        if not machine.is_dir():
            return subprocess.CompletedProcess([], 255, "", "ssh: connect to host: No route to host")
        places, said = Places(machine), json.loads(stdin or "null")
        if argv[0] == "read":
            return subprocess.CompletedProcess([], 0, json.dumps(member.read(places)), "")
        member.write(places, said) if argv[0] == "write" else member.bridge(places, argv[1])
        return subprocess.CompletedProcess([], 0, "", "")

    def script_of(self, name: str) -> SimpleNamespace:
        names: dict[str, Any] = {"__name__": name, "__file__": str(SCRIPTS / name)}
        exec(compile((SCRIPTS / name).read_text(), name, "exec"), names)
        return SimpleNamespace(**names)

    def converge(self, **changed: Any) -> str:
        return str(self.script().Converge(self.places, self.document(**changed)).go())

    def refused(self, **changed: Any) -> str:
        script = self.script()
        with pytest.raises(script.Stopped) as stopped:
            script.Converge(self.places, self.document(**changed)).go()
        return str(stopped.value)

    def record(self, name: str = "leviathan") -> dict[str, Any]:
        return dict(read_json(Places(self.root / MACHINES[name]).record))

    def played(self) -> list[list[Any]]:
        return [json.loads(line) for line in (self.root / "played").read_text().splitlines()] if (self.root / "played").exists() else []

    def begin(self) -> None:
        """A run that goes on by itself until `hold` is gone, as a killed engine leaves one."""
        (self.root / "hold").touch()
        self.detached = True
        script = self.script()
        script.Converge.follow = lambda *_, **__: None
        script.Converge.verdict = lambda _: None
        script.Converge.credentials = lambda _: ""
        script.Converge(self.places, self.document()).go()
        self.detached = False
        wait(self.played, "the playbook did not begin")

    def attached(self, until: str = "", patience: float = 30, **changed: Any) -> list[str]:
        """What is said by one who comes to a run that `begin` began; it may end at the first word that begins so."""
        script, seen = self.script(), list[str]()

        def say(what: str) -> None:
            seen.append(what)
            if what.startswith(until):
                (self.root / "hold").unlink(missing_ok=True)

        script.Converge.go.__globals__.update(say=say, QUIET=patience)
        script.Converge(self.places, self.document(**changed)).go()
        return seen

    def password(self) -> None:
        """One that Kubespray made up in an earlier run, and that its tasks print here."""
        put(self.places.inventory / "credentials/admin.creds", "s3cret-word\n")

    def running(self) -> bool:
        return subprocess.run(["systemctl", "is-active"], capture_output=True).returncode == 0


def decision(*steps: dict[str, Any], refused: str | None = None) -> dict[str, Any]:
    return {"steps": [*steps], "refused": refused, "drop": {}}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*decisions: dict[str, Any]) -> Bench:
        made.append(Bench(tmp_path, [*decisions]))
        monkeypatch.setattr(Members, "ask", lambda _, *argv, **said: made[0].ask(*argv, **said))
        monkeypatch.setenv("PATH", f"{made[0].fake}:{os.environ['PATH']}")
        return made[0]

    yield make
    (tmp_path / "hold").unlink(missing_ok=True)
    for one in made:
        wait(lambda one=one: not one.running(), "the run did not end")


def test_what_is_decided_is_played_and_recorded_on_every_machine(bench, capsys) -> None:
    lab = bench(decision(CLUSTER))
    assert len(lab.converge()) == 16
    assert [step[0] for step in lab.played()] == ["cluster.yml"] and lab.asked == [(None, WANTED, {*MACHINES})]
    for name in MACHINES:
        assert {**lab.record(name), "when": ""} == {**WANTED, "phase": "done", "run": 1, "when": ""}
    said = capsys.readouterr().err
    assert "cluster.yml: nothing is installed yet" in said and "cluster.yml done in 0:0" in said


def test_where_nothing_differs_nothing_is_played(bench, capsys) -> None:
    lab = bench(decision(CLUSTER), decision())
    assert lab.converge() == lab.converge()
    assert len(lab.played()) == 1 and "no playbook runs" in capsys.readouterr().err
    assert lab.asked[1][0]["phase"] == "done" and (lab.root / "units").read_text() == "x"


def test_a_refusal_ends_the_step_before_anything_is_changed(bench) -> None:
    assert bench(decision(refused="1.34.0 is older than 1.35.4")).refused() == "1.34.0 is older than 1.35.4"


def test_host_keys_of_the_machines_are_pinned_and_asked_for(bench) -> None:
    lab = bench(decision(CLUSTER))
    lab.converge()
    assert lab.places.known_hosts.read_text().splitlines() == [f"{address} ssh-ed25519 AAAA" for address in MACHINES.values()]
    assert lab.played()[0][3] == "True"
    ssh = environment(lab.places, "/python")["ANSIBLE_SSH_ARGS"]
    assert f"UserKnownHostsFile={lab.places.known_hosts}" in ssh and "StrictHostKeyChecking=yes" in ssh


def test_one_connection_to_a_machine_serves_all_tasks_of_a_run(tmp_path: Path) -> None:
    """What the environment says goes before the ssh_args of the playbooks' ansible.cfg; without these each task would dial anew."""
    ssh = environment(Places(tmp_path), "/python")["ANSIBLE_SSH_ARGS"]
    assert "-o ControlMaster=auto" in ssh and "-o ControlPersist=" in ssh and "ControlPath" not in ssh


def test_a_machine_with_another_port_is_pinned_under_it(bench) -> None:
    lab = bench(decision(CLUSTER))
    hosts = {**lab.document()["hosts"], "absis": {"address": "10.88.0.2", "port": 2222, "key": "ssh-ed25519 BBBB", "system": "1"}}
    lab.converge(hosts=hosts)
    assert "[10.88.0.2]:2222 ssh-ed25519 BBBB" in lab.places.known_hosts.read_text()


def test_secrets_reach_neither_log_nor_progress_nor_the_error(bench, capsys) -> None:
    lab = bench(decision(CLUSTER))
    lab.password()
    (lab.root / "fail").touch()
    lab.detached = True  # as on a runner, where what it prints goes to the journal
    problem = lab.refused()
    (log,) = lab.places.logs.iterdir()
    seen = [
        problem,
        capsys.readouterr().err,
        log.read_text(),
        (lab.places.run / "progress").read_text(),
        (lab.root / "journal").read_text(),
    ]
    assert not [text for text in seen if "s3cret-word" in text] and '"password": "***"' in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600 and stat.S_IMODE((lab.places.run / "task.json").stat().st_mode) == 0o600


def test_a_password_that_a_step_makes_is_hidden_in_the_next(bench) -> None:
    lab = bench(decision(CLUSTER, CLUSTER))
    (lab.places.inventory / "credentials").mkdir(parents=True)
    program = lab.root / "python/bin/ansible-playbook"
    program.write_text(f"{program.read_text()}echo s3cret-word >'{lab.places.inventory}/credentials/admin.creds'\n")
    lab.converge()
    (log,) = lab.places.logs.iterdir()
    assert log.read_text().count("s3cret-word") == log.read_text().count('"password": "***"') == 1


def test_a_failure_names_host_task_message_and_log(bench) -> None:
    lab = bench(decision(CLUSTER))
    lab.password()
    (lab.root / "fail").touch()
    problem = lab.refused()
    assert "absis, task 'With the password': no room for ***" in problem and str(lab.places.logs) in problem and "safe" in problem
    assert lab.record()["phase"] == "started" and lab.record()["towards"] == WANTED and lab.record()["machines"] == {}


def test_after_a_failure_the_next_run_knows_that_one_was_begun(bench) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER))
    (lab.root / "fail").touch()
    lab.refused()
    (lab.root / "fail").unlink()
    lab.converge()
    assert lab.asked[1][0]["phase"] == "started" and lab.record()["phase"] == "done" and lab.record()["run"] == 2


def test_a_run_that_goes_on_is_attached_to_and_not_begun_anew(bench, capsys) -> None:
    lab = bench(decision(CLUSTER), decision())
    lab.begin()
    seen = lab.attached()
    assert "attached to the run begun at" in seen[0] and any("cluster.yml done" in line for line in seen)
    assert len(lab.played()) == 1


@pytest.mark.parametrize("pair", [lambda: os.pipe()[::-1], lambda: [end.detach() for end in socket.socketpair()]])
def test_a_connection_that_its_other_end_has_closed_is_noticed_without_a_word(bench, pair) -> None:
    listened, (here, there) = bench().script().listened, pair()
    assert listened(here)
    os.close(there)
    assert not listened(here)
    os.close(here)


def test_who_follows_ends_when_nobody_listens_and_the_run_goes_on(bench) -> None:
    lab = bench(decision(CLUSTER))
    lab.begin()
    script = lab.script()
    script.Converge.go.__globals__["listened"] = lambda: False
    with pytest.raises(BrokenPipeError):
        script.Converge(lab.places, lab.document()).follow(whole=False)
    assert lab.running()


def test_a_task_that_says_nothing_for_long_is_told_to_go_on(bench) -> None:
    lab = bench(decision(CLUSTER), decision())
    lab.begin()
    assert "still: cluster.yml: nothing is installed yet" in lab.attached(patience=0, until="still: ")


def test_a_run_for_another_state_is_waited_for_before_deciding(bench) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER))
    lab.begin()
    seen = lab.attached(wanted={**WANTED, "variables": "bbb"})
    assert "works for another state" in seen[0] and len(lab.played()) == 2
    assert lab.asked[1][0]["variables"] == "aaa" and lab.record()["variables"] == "bbb"


def test_how_a_run_ended_that_nobody_looked_at_is_told_by_the_next(bench, capsys) -> None:
    lab = bench(decision(CLUSTER), decision())
    lab.begin()
    (lab.root / "hold").unlink()
    wait(lambda: not lab.running(), "the run did not end by itself")
    lab.converge()
    assert "ended well" in capsys.readouterr().err and len(lab.played()) == 1
    lab.decisions.append(decision())
    lab.converge()
    assert "ended well" not in capsys.readouterr().err


def test_a_run_that_was_killed_with_its_machine_is_resumed(bench, capsys) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER))
    lab.begin()
    os.killpg(int((lab.root / "unit").read_text()), signal.SIGKILL)
    (lab.root / "hold").unlink()
    wait(lambda: not lab.running(), "the run was not killed")
    lab.converge()
    assert "was cut off" in capsys.readouterr().err and lab.asked[1][0]["phase"] == "started" and lab.record()["phase"] == "done"


def test_the_last_record_wins_whatever_the_clocks_say(bench) -> None:
    lab = bench(decision())
    for run, (name, address) in enumerate(MACHINES.items(), start=1):
        put_json(Places(lab.root / address).record, {**WANTED, "variables": name, "run": run, "when": f"20{30 - run}"})
    (lab.places.inventory / "artifacts").mkdir(parents=True)
    (lab.places.inventory / "artifacts/admin.conf").touch()
    lab.converge()
    assert lab.asked[0][0]["variables"] == "nimbus" and lab.record("leviathan")["run"] == 3


def test_without_more_than_half_of_the_control_plane_nothing_is_decided(bench) -> None:
    lab = bench()
    for name in ("absis", "nimbus"):
        (lab.root / MACHINES[name]).rmdir()
    assert "absis, nimbus of the control plane cannot be reached" in lab.refused() and lab.asked == []


def test_a_machine_that_does_not_answer_is_not_among_the_living(bench, capsys) -> None:
    lab = bench(decision(CLUSTER))
    (lab.root / MACHINES["absis"]).rmdir()
    lab.converge()
    assert lab.asked[0][2] == {"leviathan", "nimbus"} and "absis does not answer the runner: ssh: connect" in capsys.readouterr().err


def test_a_machine_with_a_new_name_is_among_the_living_by_its_old_one(bench) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER))
    lab.converge()
    names = {"absis": "basis"}
    machines = {names.get(name, name): said for name, said in WANTED["machines"].items()}
    wanted = {**WANTED, "order": [*machines], "machines": machines}
    hosts = {names.get(name, name): host for name, host in lab.document()["hosts"].items()}
    with patch.dict(MACHINES, {"basis": MACHINES["absis"]}):
        lab.converge(wanted=wanted, hosts=hosts, controlPlane=[*machines])
    assert lab.asked[1][2] == {"leviathan", "basis", "nimbus", "absis"}


def test_a_machine_that_was_installed_anew_is_told_to_the_decision(bench) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER))
    lab.converge()
    Places(lab.root / MACHINES["absis"]).record.unlink()
    lab.converge()
    assert lab.asked[1][0]["fresh"] == ["absis"]


def test_a_machine_installed_anew_stays_so_in_the_record_until_it_is_a_member_again(bench) -> None:
    lab = bench(decision(CLUSTER), decision(CLUSTER), decision(CLUSTER))
    lab.converge()
    Places(lab.root / MACHINES["absis"]).record.unlink()
    (lab.root / "fail").touch()
    lab.refused()
    (lab.root / "fail").unlink()
    lab.converge()
    assert lab.asked[2][0]["fresh"] == ["absis"] and "fresh" not in lab.record()


def test_a_new_runner_gets_what_the_lost_one_had(bench) -> None:
    lab = bench(decision(CLUSTER), decision())
    digest = lab.converge()
    admin = lab.places.inventory / "artifacts/admin.conf"
    admin.unlink()
    assert lab.converge() == digest and admin.exists() and len(lab.played()) == 1


def test_a_half_made_cluster_without_a_network_is_helped_over_it(bench) -> None:
    lab = bench(decision(CLUSTER))
    kubelet = lab.root / MACHINES["leviathan"] / "var/lib/kubelet/config.yaml"
    kubelet.parent.mkdir(parents=True)
    kubelet.touch()
    lab.converge()
    for address in MACHINES.values():
        assert json.loads((lab.root / address / "etc/cni/net.d/10-flannel.conflist").read_text())["plugins"] == [{"type": "flannel"}]


def test_a_cluster_with_its_network_keeps_its_configuration(bench) -> None:
    lab = bench(decision(CLUSTER))
    for name in ("var/lib/kubelet/config.yaml", "etc/cni/net.d/10-calico.conflist"):
        path = lab.root / MACHINES["leviathan"] / name
        path.parent.mkdir(parents=True)
        path.touch()
    lab.converge()
    assert not [*lab.root.glob("10.*/etc/cni/net.d/10-flannel.conflist")]


def test_a_machine_leaves_by_the_inventory_that_still_has_it(bench) -> None:
    remove = {
        "playbook": "remove-node.yml",
        "variables": {"node": "absis"},
        "reason": "absis leaves",
        "inventory": {"all": {"hosts": {"leviathan": {}, "absis": {}}}},
        "forks": 1,
    }
    lab = bench(decision(CLUSTER), decision(remove, CLUSTER))
    lab.converge()
    lab.converge(variables="kube_version: 1.35.5\n")
    assert [(step[0], step[2]) for step in lab.played()[1:]] == [("remove-node.yml", "inventory-before"), ("cluster.yml", "inventory")]
    # As text: the first machine of a group must stay the first.
    assert (lab.places.before / "hosts.yml").read_text() == json.dumps(remove["inventory"])
    begun = [line for log in lab.places.logs.iterdir() for line in log.read_text().splitlines() if line.startswith("$ ")]
    assert {"remove-node.yml" in line for line in begun if line.endswith(" --forks 1")} == {True} and len(begun) == len(lab.played())
    assert (lab.places.before / "group_vars/all/homelab.yml").read_text() == "kube_version: 1.35.4\n"


def test_only_the_last_logs_are_kept(tmp_path: Path) -> None:
    for day in range(10, 30):
        (tmp_path / f"2026-11-{day}T00:00:00Z.log").touch()
    prune(tmp_path)
    assert sorted(path.name[8:10] for path in tmp_path.iterdir()) == [str(day) for day in range(21, 30)]


def test_other_playbooks_than_wanted_are_not_run(bench) -> None:
    assert "the playbooks here are v2.31.0, wanted are v2.32.0" in bench(decision(CLUSTER)).refused(source="v2.32.0")
