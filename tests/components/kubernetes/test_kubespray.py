"""Real Kubespray on what this program generates: its inventory parser, its validation playbook, the syntax of every playbook used, its own
templates. Needs its tree in the folder HOMELAB_KUBESPRAY and no machine; nothing of it is in this repository."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.kubernetes.plan import KubernetesPlan, plan
from components.kubernetes.refused import ELSEWHERE, ONLY
from components.kubernetes.releases import PROVED, RELEASES, can
from config.kubernetes import Kubespray
from config.stack import read
from rehearsal.paths import cache as cache_folder
from tests.components.conftest import KUBESPRAY
from tests.components.kubernetes.lab import RELEASE, planned
from tests.components.kubernetes.test_decide import decide, have, records, take, want
from tests.config.test_corpus import KNOWN_HOSTS

pytestmark = pytest.mark.rehearsal
CORPUS = Path(__file__).parents[2] / "config/corpus/valid"
PLAYBOOKS = ["cluster.yml", "upgrade-cluster.yml", "remove-node.yml", "reset.yml"]
PATIENCE = 300


@pytest.fixture(scope="session")
def kubespray() -> Path:
    """The release that is named, as its own galaxy.yml says it is."""
    folder = Path(os.environ[KUBESPRAY]).resolve()
    found = yaml.safe_load((folder / "galaxy.yml").read_text())["version"]
    assert f"v{found}" == PROVED, f"{KUBESPRAY} holds Kubespray {found}"
    return folder


@pytest.fixture(scope="session")
def tools(kubespray: Path) -> Path:
    """The programs of Kubespray's own requirements, kept for the next time."""
    wanted = (kubespray / "requirements.txt").read_bytes()
    folder = cache_folder() / f"kubespray-{sha256(wanted + sys.version.encode()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "-r", kubespray / "requirements.txt"], check=True, timeout=PATIENCE * 2)
        (folder / "ready").touch()
    return folder / "bin"


@pytest.fixture
def ansible(kubespray: Path, tools: Path, tmp_path: Path) -> Any:
    """Run one of Ansible's programs in Kubespray's folder, as the runner does."""

    def run(program: str, found: KubernetesPlan, *arguments: str, variables: str = "") -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "inventory"
        (folder / "group_vars/all").mkdir(parents=True, exist_ok=True)
        (folder / "hosts.yml").write_text(found.inventory)
        (folder / "group_vars/all/homelab.yml").write_text(found.group_variables + variables)
        own = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        }
        command = [tools / program, "-i", folder / "hosts.yml", *arguments]
        return subprocess.run(
            command, cwd=kubespray, env={**os.environ, **own}, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    return run


@pytest.fixture(params=["home", "dev", *sorted(file.stem for file in CORPUS.iterdir())])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> KubernetesPlan:
    """Both stacks and every valid file of the corpus, with a cluster that this release can install."""
    name = request.param
    if name in ("home", "dev"):
        return planned(name)
    (tmp_path / f"Pulumi.{name}.yaml").write_text((CORPUS / f"{name}.yaml").read_text())
    (tmp_path / "known_hosts").write_text(KNOWN_HOSTS)
    homelab = read(name, tmp_path)
    said = homelab.kubernetes
    version = said.version if can(RELEASES[PROVED], said.version) else "1.35.4"
    wanted = said.model_copy(update={"kubespray": said.kubespray or Kubespray.model_validate(RELEASE), "version": version})
    return plan(homelab.model_copy(update={"kubernetes": wanted}))


def test_kubespray_reads_the_inventory_as_planned(ansible, found):
    done = ansible("ansible-inventory", found, "--list")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["kube_control_plane"]["hosts"] == said["etcd"]["hosts"] == [*found.control_plane]
    assert said["kube_node"]["hosts"] == [*found.workers]
    hosts = said["_meta"]["hostvars"]
    assert {*hosts} == {*found.machines}
    assert all(hosts[found.runner][name] == value for name, value in found.variables.items() if "{{" not in str(value))


def test_kubespray_s_own_validation_accepts_what_is_generated(ansible, found):
    done = ansible("ansible-playbook", found, "playbooks/boilerplate.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Stop if even number of etcd hosts" in done.stdout


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ("kube_version: 1.30.0\n", "only support newer version"),
        ("helm_enabled: 'yes'\n", "helm_enabled | type_debug"),
        ("kubelet_static_pod_path: /x\n", "Removed variables present"),
    ],
)
def test_that_validation_can_refuse(ansible, variables, words):
    done = ansible("ansible-playbook", planned(), "playbooks/boilerplate.yml", variables=variables)
    assert done.returncode != 0 and words in done.stdout


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_that_is_used_is_there_and_sound(ansible, playbook):
    done = ansible("ansible-playbook", planned(), playbook, "--syntax-check", "-e", '{"node": "absis"}')
    assert done.returncode == 0 and f"playbook: {playbook}" in done.stdout, done.stderr


def rendered(ansible: Any, kubespray: Path, out: Path, found: KubernetesPlan) -> Path:
    probe, python = Path(__file__).with_name("probe.yml"), str(Path(sys.executable))
    said = {"tree": str(kubespray), "out": str(out), "ansible_python_interpreter": python}
    done = ansible("ansible-playbook", found, str(probe), "-c", "local", "--skip-tags", "tasks", "-e", json.dumps(said))
    assert done.returncode == 0, done.stdout[-3000:]
    return out


def test_kubespray_s_templates_bind_to_the_mesh_and_keep_the_reserve(ansible, kubespray, tmp_path):
    out = rendered(ansible, kubespray, tmp_path, planned())
    etcd = (out / "absis.etcd.env").read_text().splitlines()
    assert "ETCD_LISTEN_CLIENT_URLS=https://10.88.0.2:2379,https://127.0.0.1:2379" in etcd
    assert {"ETCD_NAME=etcd-absis", "ETCD_HEARTBEAT_INTERVAL=250", "ETCD_ELECTION_TIMEOUT=5000"} <= {*etcd}
    kubelet = yaml.safe_load((out / "absis.kubelet.yml").read_text())
    assert kubelet["address"] == "10.88.0.2"
    assert (kubelet["systemReserved"]["memory"], kubelet["kubeReserved"]["memory"]) == ("12287Mi", "512Mi")
    assert "enforceNodeAllocatable" not in kubelet, "what pods may have together is bound by the reserve"


def test_kubespray_s_control_plane_listens_where_planned(ansible, kubespray, tmp_path):
    out = rendered(ansible, kubespray, tmp_path, planned(encryptSecrets=True, audit=True))
    parts = {part["kind"]: part for part in yaml.safe_load_all((out / "nimbus.kubeadm.yml").read_text()) if part}
    cluster = parts["ClusterConfiguration"]
    arguments = {one["name"]: str(one["value"]) for one in cluster["apiServer"]["extraArgs"]}
    assert arguments["bind-address"] == "::" and {"encryption-provider-config", "audit-log-path"} <= {*arguments}
    for part in ("controllerManager", "scheduler"):
        assert {one["name"]: one["value"] for one in cluster[part]["extraArgs"]}["bind-address"] == "127.0.0.1"
    assert cluster["networking"]["podSubnet"] == "10.233.64.0/18"
    assert (
        parts["KubeProxyConfiguration"]["nodePortAddresses"] == ["10.88.0.0/24"] and parts["KubeProxyConfiguration"]["mode"] == "iptables"
    )
    assert parts["InitConfiguration"]["nodeRegistration"]["taints"][0]["key"] == "node-role.kubernetes.io/control-plane"
    seen = json.loads((out / "absis.json").read_text())
    assert seen["ip"] == "10.88.0.2" and "absis" in seen["sans"]


def test_the_mtu_reaches_calico_as_a_number(ansible, kubespray, tmp_path):
    out = rendered(ansible, kubespray, tmp_path, planned(network="calico"))
    assert json.loads((out / "absis.json").read_text())["mtu_is_number"] is True


@pytest.fixture(scope="session")
def words(kubespray: Path) -> set[str]:
    """Every name that stands anywhere in Kubespray's roles and playbooks."""
    files = [
        file for part in ("roles", "playbooks") for file in (kubespray / part).rglob("*") if file.suffix in (".yml", ".yaml", ".j2", ".sh")
    ]
    return {word for file in files for word in re.findall(r"[a-z_][a-z0-9_]+", file.read_text(errors="ignore"))}


def test_every_variable_of_the_plan_is_one_that_kubespray_knows(words, kubespray):
    ours = {*planned().variables, *planned(network="calico").variables, *ONLY, *ELSEWHERE}
    ours |= {name for node in planned().nodes for name in node.variables if not name.startswith("ansible_")}
    assert ours - words == set()


def test_every_extra_variable_of_a_step_is_one_that_kubespray_knows(words, kubespray):
    found = [decide(None, want()), decide(have(), want(variables="other")), decide(have(version="1.34.1"), want())]
    found += [decide(have(), want(take("absis", "nimbus"))), decide(have() | {"fresh": ["absis"]}, want())]
    said = {name for one in found for step in one["steps"] for name in step["variables"]}
    assert len(said) >= 8 and said - words - {"node"} == set()


def test_what_a_release_can_install_is_what_its_tree_says(kubespray):
    text = (kubespray / "roles/kubespray_defaults/vars/main/checksums.yml").read_text()
    assert records.supported(text) == dict(RELEASES[PROVED])
