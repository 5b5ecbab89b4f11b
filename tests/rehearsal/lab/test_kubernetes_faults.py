"""What the cluster lives through. Each test leaves the lab whole for the next; the last ones make the cluster anew."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Interface
from typing import Any

import pytest

from config.load import read
from rehearsal.machines import laptop, machine
from rehearsal.machines.addresses import gateway_of
from rehearsal.machines.spec import Spec
from tests.rehearsal.lab import cluster
from tests.rehearsal.lab.cluster import HOMES, MOUNT
from tests.rehearsal.lab.kube import (
    MACHINES,
    Kube,
    await_members,
    container,
    controlled,
    eventually,
    processes,
    record,
    settled,
    signal_run,
    watched,
)
from tests.rehearsal.lab.lab import MESH, STACK, Lab
from tests.rehearsal.lab.lan import cut, taken
from tests.rehearsal.lab.test_lan_paths import flows, stream

pytestmark = pytest.mark.faults
BEGUN = "cluster.yml:"
"""Shows in what `up` prints when the playbook begins."""

GET = "timeout 5 wget -q -O - http://tried/node"
SESSIONS = """
import os, pathlib, signal
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        if path.read_bytes().startswith(b"sshd: tyler"):
            os.kill(int(path.parent.name), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        continue
"""


@pytest.fixture(scope="module", autouse=True)
def whole(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever tests before did: all machines are on, and the stack is as its file says."""
    for name in (*MACHINES, "laptop"):
        machine.boot(lab.machine(name))
    lab.up()
    settled(lab, Kube(lab, tmp_path_factory.mktemp("desk")))
    cluster.await_mounts(lab, *HOMES)


@contextmanager
def changed(lab: Lab) -> Iterator[None]:
    """A variable of Kubespray's is another, which needs a run; in the end it is as before."""
    with lab.edited(lambda said: said["homelab:kubernetes"].update(variables={"kubelet_max_pods": 100})):
        yield
    lab.up()
    assert record(lab)["phase"] == "done"


def one_run_goes_on(lab: Lab, before: int) -> None:
    """The next `up` waits for the run that stands still now, and starts no other."""
    try:
        status, said = watched(lab, "kubernetes-converge", lambda: signal_run(lab, "CONT"))
    finally:
        signal_run(lab, "CONT")
    assert status == 0 and "no playbook runs" in said, said
    assert record(lab)["run"] == before + 1 and record(lab)["phase"] == "done"


def test_a_killed_engine_leaves_a_run_that_goes_on_and_the_next_up_takes_it_over(lab: Lab) -> None:
    before = record(lab)["run"]
    with changed(lab):
        lab.kill_when(BEGUN, "up", "--yes", "--skip-preview", once=lambda: signal_run(lab, "STOP"))
        one_run_goes_on(lab, before)


def test_a_cut_connection_ends_the_up_and_not_the_run(lab: Lab) -> None:
    before = record(lab)["run"]

    def cut_off() -> None:
        assert signal_run(lab, "STOP"), "the run was over before it could be stopped"
        assert lab.inside("leviathan", "python3", "-c", SESSIONS).returncode == 0

    with changed(lab):
        status, said = watched(lab, BEGUN, cut_off)
        assert status != 0, said
        one_run_goes_on(lab, before)


def test_a_runner_without_power_in_the_middle_is_gone_on_with(lab: Lab, kube: Kube) -> None:
    def power_cut() -> bool:
        machine.kill("leviathan")
        machine.boot("leviathan")
        return True

    with changed(lab):
        lab.kill_when(BEGUN, "up", "--yes", "--skip-preview", once=power_cut)
        assert record(lab)["phase"] == "started"
        assert lab.silent([("leviathan", name) for name in MACHINES[1:]]) == []
        said = lab.up().stdout
        assert "was cut off" in said and BEGUN in said, said
        assert record(lab)["phase"] == "done"
        settled(lab, kube)
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)


def moving(name: str) -> dict[str, Any]:
    """One pod, on that machine if it can be, that writes down where it is, below the mounted file system, once a second."""
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
    near = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": here}]}}
    gone = [
        {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
        for why in ("unreachable", "not-ready")
    ]
    folder = {"name": "data", "hostPath": {"path": f"{MOUNT}/apps/moving-{name}", "type": "DirectoryOrCreate"}}
    script = 'while :; do echo "$NODE" >>/data/places; sync /data/places; sleep 1; done'
    only = container(script, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    pod = {"affinity": near, "tolerations": gone, "containers": [only], "volumes": [folder]}
    return controlled("Deployment", {"replicas": 1, "strategy": {"type": "Recreate"}}, pod)


def places(lab: Lab, reader: str, name: str) -> set[str]:
    """Where the pod says that it has been, as a machine reads it; empty while the file system waits. Who has asked ceph-fuse cannot even
    be killed before it answers: it is left to itself then."""
    try:
        return {*lab.inside(reader, "cat", f"{MOUNT}/apps/moving-{name}/places", deadline=20).stdout.split()}
    except subprocess.TimeoutExpired:
        return set()


@pytest.mark.parametrize("name", MACHINES)
def test_with_any_one_machine_off_the_api_answers_and_its_pods_go_on_elsewhere_with_their_data(lab: Lab, kube: Kube, name: str) -> None:
    other = "absis" if name == "leviathan" else "leviathan"
    with kube.applied(f"moving-{name}", moving(name)) as space:
        eventually(lambda: len(kube.pods(space)) == 1, 90, lambda: "the pod does not run")
        (first,) = kube.pods(space)
        assert first == name or name == "nimbus"
        eventually(lambda: places(lab, other, name) == {first}, 60, lambda: "the pod does not write")
        machine.kill(lab.machine(name))
        try:
            left = {*MACHINES} - {name}
            for context in {*HOMES} - {name}:
                eventually(lambda at=context: kube.ready(at) == left, 150, lambda at=context: f"ready, says {at}: {kube.ready(at)}")
            if name in HOMES:
                seen = {first, other}
                eventually(lambda: places(lab, other, name) == seen, 300, lambda: f"pods run on {[*kube.pods(space, other)]}")
                assert {*kube.pods(space, other)} == {other}
        finally:
            machine.boot(lab.machine(name))
        settled(lab, kube)
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)
    await_members(lab)
    lab.up("--expect-no-changes")


def test_a_pods_open_connection_to_a_mesh_address_survives_the_loss_of_the_lan_and_its_return(lab: Lab, kube: Kube) -> None:
    eventually(lambda: taken(lab) == {"lan"}, 20, lambda: "the LAN paths did not come up")
    with kube.everywhere("talking") as space, stream(lab, *kube.network_of(lab, space, "leviathan")) as waits:
        with cut(lab):
            eventually(lambda: taken(lab) == {"tunnel"}, 12, lambda: "the LAN's routes stayed")
            flows(lab, 15)
        eventually(lambda: taken(lab) == {"lan"}, 15, lambda: "the LAN's routes did not come back")
        flows(lab, 10)
    assert waits[0] < 10


def test_all_machines_without_power_at_once_come_back_without_a_hand(lab: Lab, kube: Kube) -> None:
    recorded = record(lab)
    names = [lab.machine(name) for name in MACHINES]
    with kube.everywhere("cold") as space:
        with ThreadPoolExecutor(len(names)) as pool:
            assert [*pool.map(machine.kill, names)] == [None] * len(names)
            assert [*pool.map(machine.boot, names)] == [None] * len(names)
        settled(lab, kube)
        cluster.await_mounts(lab, *HOMES)
        for node in HOMES:
            eventually(
                lambda at=node: {*HOMES} == {*kube.pods(space)} and kube.inside(space, at, GET).returncode == 0,
                120,
                lambda at=node: f"no service for the pod on {at}; pods run on {[*kube.pods(space)]}",
            )
    cluster.await_health(lab)
    lab.up("--expect-no-changes")
    assert record(lab) == recorded


def address(lab: Lab, name: str) -> str:
    """A machine's in the LAN, with the prefix; empty while it has none."""
    (link,) = json.loads(lab.inside(name, "ip", "-json", "-4", "address", "show", "dev", "host0").stdout)
    return next((f"{one['local']}/{one['prefixlen']}" for one in link.get("addr_info", ())), "")


def steady(lab: Lab) -> dict[str, dict[str, str]]:
    """Machine -> processes that have no reason to end while machines do not hear each other: the elected ones do."""
    elected = ("kube-controller-manager", "kube-scheduler")
    return {name: {unit: pid for unit, pid in processes(lab, name).items() if unit not in elected} for name in MACHINES}


def renumber(lab: Lab, addresses: dict[str, tuple[str, str]]) -> None:
    """Give machines other addresses in the LAN, as a new router would; (from, to) each."""
    for name, (old, new) in addresses.items():
        script = f"sed -i 's,{old}/24,{new}/24,' /etc/systemd/network/10-host0.network && networkctl reload && networkctl reconfigure host0"
        done = lab.inside(name, "sh", "-c", script)
        assert done.returncode == 0, done.stderr
        eventually(lambda at=name, to=new: address(lab, at) == f"{to}/24", 20, lambda at=name: f"{at} is still at {address(lab, at)}")


def test_a_renumbered_lan_runs_no_playbook_and_touches_no_daemon(lab: Lab, kube: Kube) -> None:
    moves = {"leviathan": ("192.168.77.10", "192.168.77.110"), "absis": ("192.168.77.11", "192.168.77.111")}
    recorded, running = record(lab), steady(lab)

    def move(said: dict[str, Any]) -> None:
        for name, (_, new) in moves.items():
            said["homelab:machines"][name]["lan"] = f"{new}/24"

    try:
        renumber(lab, moves)
        with lab.edited(move):
            lab.up()
            lab.up("--expect-no-changes")
        assert record(lab) == recorded and steady(lab) == running
        moved = json.loads(Kube(lab, kube.config.parent)("config", "view", "--output=json"))
        assert {one["cluster"]["server"] for one in moved["clusters"]} == {f"https://{new}:6443" for _, new in moves.values()}
        assert Kube(lab, kube.config.parent).ready("absis") == {*MACHINES}
        eventually(lambda: taken(lab) == {"lan"}, 30, lambda: "the LAN's routes did not come back")
    finally:
        renumber(lab, {name: (new, old) for name, (old, new) in moves.items()})
        lab.up()
    assert record(lab) == recorded and steady(lab) == running


@contextmanager
def newcomer() -> Iterator[dict[str, Any]]:
    """A third home machine, freshly installed; gives its block for the configuration."""
    name, address = "novus", IPv4Interface("192.168.77.12/24")
    machine.start(Spec(name, "home", address, gateway_of("home"), authorized_key=read(STACK).operator.public_key))
    try:
        key = " ".join(machine.run(name, ("cat", "/etc/ssh/ssh_host_ed25519_key.pub")).stdout.split()[:2])
        yield {"site": "home", "lan": str(address), "ssh": {"user": "root", "hostKey": key}, "cpus": 1, "memory": "8GiB"}
    finally:
        machine.remove(name)


def test_a_machine_is_added_and_removed(lab: Lab, kube: Kube) -> None:
    with newcomer() as block, kube.everywhere("growing") as space:

        def grow(said: dict[str, Any]) -> None:
            said["homelab:machines"]["novus"] = {**block, "controlPlane": False}
            said["homelab:mesh"]["addresses"]["novus"] = "10.88.0.4"
            said["homelab:backup"]["machines"] = [*MACHINES]  # for a passphrase of its own it would need `make init`

        with lab.edited(grow):
            said = lab.up().stdout
            assert "add novus" in said, said
            eventually(lambda: kube.ready() == {*MACHINES, "novus"}, 90, lambda: f"ready: {kube.ready()}")
            eventually(lambda: {*kube.pods(space)} == {*HOMES, "novus"}, 90, lambda: f"pods run on {[*kube.pods(space)]}")
            assert kube.inside(space, "novus", GET).returncode == 0
            await_members(lab)
            lab.up("--expect-no-changes")
        said = lab.up().stdout
        assert "take novus out of the cluster" in said and "novus left" in said, said
        assert {node["metadata"]["name"] for node in kube.get("nodes")} == {*MACHINES} and {*record(lab)["machines"]} == {*MACHINES}
        assert lab.inside("novus", "sh", "-c", "ls -d /etc/kubernetes /var/lib/kubelet; pgrep -l kubelet").stdout == ""
        lab.up("--expect-no-changes")
    # Kubernetes forgot it; from Ceph's list of monitors a machine that is gone is taken by hand.
    assert lab.inside("leviathan", "ceph", "mon", "remove", "novus").returncode == 0
    cluster.await_health(lab)


def test_members_leave_the_control_plane_and_come_back(lab: Lab, kube: Kube) -> None:
    def shrink(said: dict[str, Any]) -> None:
        for name in ("absis", "nimbus"):
            said["homelab:machines"][name]["controlPlane"] = False

    with kube.everywhere("shrinking") as space:
        with lab.edited(shrink):
            lab.up()
            await_members(lab, [f"https://{MESH['leviathan']}:2379"])
            assert kube.ready() == {*MACHINES}
            eventually(lambda: {*kube.pods(space)} == {*HOMES}, 90, lambda: f"pods run on {[*kube.pods(space)]}")
        lab.up()
        await_members(lab)
        for context in HOMES:
            assert kube.ready(context) == {*MACHINES}
        eventually(lambda: {*kube.pods(space)} == {*HOMES}, 90, lambda: f"pods run on {[*kube.pods(space)]}")
    settled(lab, kube)


def anew(lab: Lab) -> str:
    """Kubernetes is taken off every machine, and all of it is brought up again; gives what that `up` printed."""
    for name in MACHINES:
        done = lab.command("do", name, "kubernetes/leave")
        assert "Kubernetes is off this machine" in done.stdout + done.stderr
        left = lab.inside(name, "sh", "-c", "ls -d /etc/kubernetes /var/lib/etcd /var/lib/kubelet; pgrep -l 'kube|etcd'").stdout
        assert left == "", f"{name}: {left}"
    urns = [one["urn"] for one in lab.state()["deployment"]["resources"] if "::kubernetes-" in one["urn"]]
    return lab.up(*[word for urn in urns for word in ("--replace", urn)]).stdout


def test_leaving_keeps_data_and_an_upgrade_goes_from_minor_to_minor_and_never_back(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def wanting(version: str) -> Any:
        return lab.edited(lambda said: said["homelab:kubernetes"].update(version=version))

    def versions() -> set[str]:
        return {lab.inside(name, "cat", "/etc/kubernetes/version").stdout.strip() for name in MACHINES}

    cluster.write_once(lab, "leviathan", "left", 20)
    with wanting("1.33.4"):
        assert "cluster.yml: install Kubernetes 1.33.4" in anew(lab)
        assert versions() == {"1.33.4"}
    assert cluster.check(lab, "absis", "left") == 1
    before = record(lab)
    refused = lab.up(ok=False)
    assert refused.returncode != 0 and "the way goes through 1.34" in refused.stdout
    assert record(lab) == before
    with Kube(lab, tmp_path_factory.mktemp("desk")).everywhere("upgraded"):
        for old, new in (("1.33.4", "1.33.11"), ("1.33.11", "1.34.7")):
            with wanting(new):
                assert f"upgrade Kubernetes {old} to {new}" in lab.up().stdout
                assert versions() == {new} and record(lab)["version"] == new
        assert "upgrade Kubernetes 1.34.7 to 1.35.4" in lab.up().stdout
    assert versions() == {"1.35.4"}
    with wanting("1.34.7"):
        back = lab.up(ok=False)
    assert back.returncode != 0 and "Kubernetes never goes back" in back.stdout
    lab.up()
    laptop.join(json.dumps(lab.outputs()["clients"]))
    settled(lab, Kube(lab, tmp_path_factory.mktemp("desk")))
    lab.up("--expect-no-changes")
