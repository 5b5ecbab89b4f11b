"""What the scripts on the machines compute, without a machine: loaded as there, and not run."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.plan import plan as everything
from tests.components.kubernetes.lab import lab

COMPONENTS = Path(__file__).parents[3] / "components"
Load = Callable[[str], SimpleNamespace]
SAVED = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:cali-PREROUTING - [0:0]
:DOCKER - [0:0]
-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE
-A KUBE-SERVICES -d 10.233.0.1/32 -j KUBE-SVC-NPX46M4PTMTKRN6Y
-A DOCKER -i my-KUBE-like -j RETURN
COMMIT
"""


@pytest.fixture
def script() -> Iterator[Load]:
    """A script's names by its name."""
    folders = [str(COMPONENTS / "kubernetes/scripts"), str(COMPONENTS / "remote/scripts")]
    sys.path[:0] = folders

    def load(name: str) -> SimpleNamespace:
        path = COMPONENTS / "kubernetes/scripts" / name
        names = {"__name__": name, "__file__": str(path)}
        before = sys.modules.pop("converge", None)
        exec(compile(path.read_text(), name, "exec"), names)
        if before:
            sys.modules["converge"] = before
        return SimpleNamespace(**names)

    yield load
    for folder in folders:
        sys.path.remove(folder)


def test_rules_of_others_stay_when_those_of_kubernetes_go(script: Load) -> None:
    assert script("leave").without_ours(SAVED).splitlines() == [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":DOCKER - [0:0]",
        "-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE",
        "-A DOCKER -i my-KUBE-like -j RETURN",
        "COMMIT",
    ]


@pytest.mark.parametrize("device", ["cni0", "flannel.1", "vxlan.calico", "veth0a1b2c3d", "cali0123456789a", "kube-ipvs0"])
def test_devices_of_the_pods_network_go(script: Load, device: str) -> None:
    assert script("leave").DEVICES.match(device)


@pytest.mark.parametrize("device", ["mesh0", "tinc0", "eth0", "docker0", "veth0a1b2c3", "vxlan0", "flannel"])
def test_other_devices_stay(script: Load, device: str) -> None:
    assert not script("leave").DEVICES.match(device)


def test_a_machine_that_was_never_prepared_is_left_alone(script: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = script("leave")
    touched: list[str] = []
    names = leave.main.__globals__
    for act in ("runner", "services", "containers", "network", "files"):
        names[act] = lambda *_, act=act, **__: touched.append(act)
    names["OURS"] = tmp_path / "kubernetes"
    leave.main()
    assert touched == []


def test_nothing_below_a_mount_that_holds_is_deleted(script: Load) -> None:
    leave = script("leave")
    deleted: list[str] = []
    leave.files.__globals__["kubeconfig"] = lambda: None
    leave.files.__globals__["sh"] = lambda *argv, **_: deleted.append(str(argv[-1]))
    leave.files(everything=False)
    assert deleted and not [path for path in deleted if path.startswith(("/var/lib/kubelet", "/run/containerd", "/var/lib/containerd"))]


@pytest.mark.parametrize(
    ("cluster", "person", "stays"),
    [
        ("clusters: [this]", "clusters: [this]", False),
        ("clusters: [this]", "clusters: [this, work]", True),
        (None, "clusters: [work]", True),
    ],
)
def test_root_s_kubeconfig_goes_only_while_it_is_the_cluster_s_own(
    script: Load, tmp_path: Path, cluster: str | None, person: str, stays: bool
) -> None:
    leave, admin, roots = script("leave"), tmp_path / "admin.conf", tmp_path / "config"
    roots.write_text(person)
    if cluster:
        admin.write_text(cluster)
    leave.files.__globals__.update(ADMIN=admin, ROOTS=roots, FILES=(str(admin),), PROGRAMS=())
    leave.files.__globals__["services"] = lambda *_, **__: None
    leave.files.__globals__["UNITS"] = tmp_path
    leave.files(everything=True)
    assert roots.exists() is stays and not admin.exists()


def test_root_accepts_one_runner_and_only_from_its_mesh_address(script: Load) -> None:
    keys = script("prepare").keys
    old = keys("ssh-ed25519 AAAA me@desk\n", "ssh-ed25519 OLD homelab-runner", "10.88.0.2")
    assert keys(old, "ssh-ed25519 NEW homelab-runner", "10.88.0.1").splitlines() == [
        "ssh-ed25519 AAAA me@desk",
        'from="10.88.0.1",no-agent-forwarding,no-port-forwarding,no-X11-forwarding ssh-ed25519 NEW homelab-runner',
    ]


def release(folder: Path, name: str = "cluster.yml") -> tuple[str, str]:
    """(address, checksum) of an archive as GitHub makes it: everything in one folder."""
    tree = folder / "kubespray-2.31.0"
    tree.mkdir()
    (tree / name).write_text("- hosts: all\n")
    (tree / "requirements.txt").write_text("")
    archive = folder / "release.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", folder, tree.name], check=True)
    return archive.as_uri(), "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()


def test_a_release_is_unpacked_when_its_checksum_is_right_and_fetched_once(script: Load, tmp_path: Path) -> None:
    runner = script("runner")
    url, checksum = release(tmp_path)
    places = runner.Places(tmp_path)
    places.home.mkdir(parents=True)
    said = {"source": "v2.31.0", "url": url, "checksum": checksum}
    folder = runner.playbooks(places, said)
    assert (folder / "cluster.yml").exists() and sorted(path.name for path in places.home.iterdir()) == ["playbooks"]
    assert runner.playbooks(places, {**said, "url": "file:///nowhere"}) == folder


def test_a_release_with_another_checksum_is_not_unpacked(script: Load, tmp_path: Path) -> None:
    runner = script("runner")
    url, found = release(tmp_path)
    places = runner.Places(tmp_path)
    places.home.mkdir(parents=True)
    with pytest.raises(SystemExit) as stopped:
        runner.playbooks(places, {"source": "v2.31.0", "url": url, "checksum": "sha256:" + "0" * 64})
    assert found in str(stopped.value) and "homelab:kubernetes.kubespray.checksum" in str(stopped.value)
    assert not (places.home / "playbooks").exists()


def test_an_archive_that_is_no_release_of_kubespray_is_named(script: Load, tmp_path: Path) -> None:
    runner = script("runner")
    url, checksum = release(tmp_path, name="site.yml")
    places = runner.Places(tmp_path)
    places.home.mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"no cluster\.yml"):
        runner.playbooks(places, {"source": "v2.31.0", "url": url, "checksum": checksum})


def test_a_folder_that_was_not_sent_yet_is_asked_for(script: Load, tmp_path: Path) -> None:
    runner = script("runner")
    with pytest.raises(SystemExit, match="have not been received"):
        runner.playbooks(runner.Places(tmp_path), {"source": "folder-0123456789ab", "url": None, "checksum": None})


def test_the_preflight_asks_of_the_runner_what_its_script_will(script: Load) -> None:
    runner, found = script("runner"), everything(lab()).fleet.machines
    assert found["leviathan"].expectation["runner"] == {"python": [*runner.PYTHON], "room": runner.ROOM}
    assert "runner" not in found["absis"].expectation
    assert not [name for name, one in everything(lab(kubespray=None)).fleet.machines.items() if "runner" in one.expectation]


def test_a_python_environment_is_made_once_for_the_same_requirements(script: Load, tmp_path: Path) -> None:
    runner = script("runner")
    made: list[tuple[object, ...]] = []

    def sh(*argv: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        made.append(argv)
        (Path(str(argv[-1])) if "venv" in argv else tmp_path).mkdir(exist_ok=True, parents=True)
        return subprocess.CompletedProcess([], 0, "", "")

    runner.environment.__globals__["sh"] = sh
    (tmp_path / "requirements.txt").write_text("ansible-core\n")
    places = runner.Places(tmp_path)
    first = runner.environment(places, tmp_path)
    assert runner.environment(places, tmp_path) == first and len(made) == 2
    (tmp_path / "requirements.txt").write_text("ansible-core==2.18\n")
    assert runner.environment(places, tmp_path) != first and len(made) == 4


def test_status_tells_of_an_installation_that_has_not_come_to_its_end(script: Load) -> None:
    wanted = {"version": "1.35.4", "kubespray": "v2.31.0", "machines": {"leviathan": {}}}
    said = script("status").recorded({"machines": {}, "version": None, "phase": "started", "towards": wanted, "when": "2026-11-23"})
    assert said.startswith("being installed: Kubernetes 1.35.4 by Kubespray v2.31.0 on leviathan") and "not come to its end" in said
