"""The cluster as planned: who is in it, the exact files that Kubespray reads, the documents of the scripts, kubeconfigs."""

import json
import subprocess
import sys
from ipaddress import IPv4Interface
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from components.kubernetes.check import check
from components.kubernetes.inventory import CONTROL_PLANE, ETCD, WORKERS
from components.kubernetes.plan import plan
from components.kubernetes.refused import BREAKS, ELSEWHERE, ONLY, why
from components.kubernetes.warnings import slow, warnings
from components.storage.memory import budget
from tests.components.kubernetes.lab import CHECKSUM, lab, planned
from tests.graph import ROOT

GOLDEN = ROOT / "tests/golden"
ADMIN = yaml.safe_dump(
    {
        "clusters": [{"name": "cluster.local", "cluster": {"certificate-authority-data": "Q0E=", "server": "https://10.88.0.1:6443"}}],
        "users": [{"name": "x", "user": {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}}],
    }
)


@pytest.fixture(scope="module")
def home():
    return planned()


def groups(found: Any) -> dict[str, list[str]]:
    return {group: [*said["hosts"]] for group, said in yaml.safe_load(found.inventory)["all"]["children"].items()}


def worker(*names: str) -> Any:
    """Machines without a part in the control plane."""
    return lambda machines: {
        name: said.model_copy(update={"control_plane": False}) if name in names else said for name, said in machines.items()
    }


@pytest.mark.parametrize("stack", ["home", "dev"])
def test_the_files_that_kubespray_reads_are_exactly_these(stack):
    found = planned(stack)
    assert found.inventory == (GOLDEN / f"{stack}.hosts.yml").read_text()
    assert found.group_variables == (GOLDEN / f"{stack}.variables.yml").read_text()


def test_home_comes_first_in_every_group_and_the_rented_machine_runs_no_work(home):
    both = ["leviathan", "absis", "nimbus"]
    assert groups(home) == {CONTROL_PLANE: both, ETCD: both, WORKERS: ["leviathan", "absis"]}


def test_who_is_not_in_the_control_plane_works_rented_or_not():
    found = planned(machines=worker("absis", "nimbus"))
    assert groups(found) == {CONTROL_PLANE: ["leviathan"], ETCD: ["leviathan"], WORKERS: ["leviathan", "absis", "nimbus"]}
    assert [name for name, server in found.servers.items()] == ["leviathan"]


def test_every_address_in_the_inventory_is_the_machine_s_own_in_the_mesh(home):
    for said in yaml.safe_load(home.inventory)["all"]["hosts"].values():
        assert said["ip"] == said["access_ip"] == said["ansible_host"] and said["ip"].startswith("10.88.0.")


def test_moving_house_changes_nothing_that_kubespray_reads():
    def renumber(machines: Any) -> Any:
        return {
            name: said.model_copy(update={"lan": IPv4Interface(f"172.16.9.{index}/24")}) if said.lan else said
            for index, (name, said) in enumerate(machines.items(), 20)
        }

    before, after = planned(), planned(machines=renumber)
    systems = {name: f"system of {name}" for name in before.machines}
    assert after.converge_document(systems) == before.converge_document(systems)
    assert after.converge_arguments == before.converge_arguments
    assert str(after.servers["absis"]) == "172.16.9.21", "only the operator's kubeconfig follows"


def test_a_machine_s_own_port_of_sshd_is_in_the_inventory():
    def at_2222(machines: Any) -> Any:
        absis = machines["absis"]
        return machines | {"absis": absis.model_copy(update={"ssh": absis.ssh.model_copy(update={"port": 2222})})}

    hosts = yaml.safe_load(planned(machines=at_2222).inventory)["all"]["hosts"]
    assert hosts["absis"]["ansible_port"] == 2222 and "ansible_port" not in hosts["leviathan"]


def test_the_kubelet_keeps_what_the_memory_sum_says_but_for_the_control_plane_s_own_pods(home):
    for node in home.nodes:
        kept = sum(int(str(node.variables[f"{scope}_memory_reserved"]).removesuffix("Mi")) for scope in ("system", "kube"))
        assert kept == budget(lab(), node.name).system_reserved // 1024**2 - 1024, "1 GiB of 1.5 is API server, scheduler and controllers"


def test_a_machine_of_unknown_memory_keeps_kubespray_s_own_reserve():
    def unknown(machines: Any) -> Any:
        return machines | {"nimbus": machines["nimbus"].model_copy(update={"memory": None})}

    found = {node.name: node.variables for node in planned(machines=unknown).nodes}
    assert "system_memory_reserved" not in found["nimbus"] and "system_memory_reserved" in found["absis"]


def test_pods_packets_leave_room_for_the_mesh():
    assert planned(network="flannel").variables["flannel_interface"] == "mesh0"
    calico = planned(network="calico").variables
    assert calico["calico_mtu"] == 1350 and calico["calico_ip_auto_method"] == "interface=mesh0" and "flannel_interface" not in calico


def test_etcd_beats_faster_where_nobody_is_across_the_internet():
    near = planned(machines=lambda machines: {name: said for name, said in machines.items() if name == "leviathan"})
    assert (near.variables["etcd_heartbeat_interval"], near.variables["etcd_election_timeout"]) == (100, 1000)
    far = planned().variables
    assert (far["etcd_heartbeat_interval"], far["etcd_election_timeout"]) == (250, 5000)


def test_round_trips_that_are_too_long_for_etcd_are_told_once_a_pair():
    times = {"absis": {"leviathan": 1.0, "nimbus": 300.4}, "leviathan": {"nimbus": 20.0}, "nimbus": {"absis": 300.2}}
    (found,) = slow(lab(), ["leviathan", "absis", "nimbus"], times)
    assert found.startswith("absis and nimbus are 300 ms apart") and "etcd_heartbeat_interval to 601" in found


def test_certificates_bear_the_names_that_kubeconfigs_ask_for(home):
    names = home.variables["supplementary_addresses_in_ssl_keys"]
    assert {*home.servers} <= {*names} and "absis.example.net" in names and "10.88.0.2" in names


def test_what_the_base_system_owns_is_left_alone(home):
    off = ("override_system_hostname", "ntp_enabled", "reset_restart_network", "flush_iptables")
    assert not any(home.variables[name] for name in off) and home.variables["resolvconf_mode"] == "none"


def test_options_and_free_variables_reach_kubespray_as_they_are():
    said = planned(
        encryptSecrets=True, audit=True, snapshots={"keep": 9}, variables={"kube_proxy_mode": "nftables", "etcd_x": [1, {"a": True}]}
    )
    assert said.variables["kube_encrypt_secret_data"] is said.variables["kubernetes_audit"] is True
    assert said.variables["etcd_backup_retention_count"] == 9
    assert yaml.safe_load(said.group_variables)["etcd_x"] == [1, {"a": True}] and said.variables["kube_proxy_mode"] == "nftables"


def test_every_variable_of_the_plan_is_either_free_or_refused_by_name(home):
    free = {"auto_renew_certificates", "cluster_name", "enable_dns_autoscaler", "enable_nodelocaldns", "kubectl_localhost"}
    free |= {"etcd_election_timeout", "etcd_heartbeat_interval", "kubelet_fail_swap_on"}
    for name in {*home.variables} - free - {*ONLY}:
        assert why(name, home.variables[name]), name
    assert not [name for name in free if why(name, home.variables[name])]


def test_a_value_that_the_plan_has_itself_is_not_refused(home):
    assert not [name for name in ONLY if name in home.variables and why(name, home.variables[name])]


@pytest.mark.parametrize(
    "name",
    [
        *("files_repo", "github_url", "dl_k8s_io_url", "kube_image_repo", "docker_image_repo", "kubelet_binary_checksum", "etcd_version"),
        *("containerd_registries_mirrors", "download_run_once", "kubelet_cgroup_driver", "kubelet_fail_cgroup_v1", "helm_enabled"),
        *("kubeadm_ignore_preflight_errors", "containerd_extra_runtime_args", "kube_proxy_conntrack_min", "ansible_python_interpreter"),
    ],
)  # fmt: skip
def test_what_an_offline_lab_needs_is_free(name):
    assert why(name, 1) is None


def test_every_refusal_has_a_reason():
    assert all(ELSEWHERE.values()) and all(BREAKS.values()) and all(reason for _, reason in ONLY.values())


def test_a_preview_reads_as_the_plan(home):
    assert home.converge_arguments[:-1] == [
        *("kubespray", "v2.31.0", "kubernetes", "1.35.4", "control-plane", "leviathan,absis,nimbus"),
        *("workers", "leviathan,absis", "variables"),
    ]  # fmt: skip
    assert home.runner_arguments == ["v2.31.0"]


def test_an_upgrade_is_no_change_of_variables():
    assert planned(version="1.35.3").digest == planned().digest != planned(audit=True).digest


def test_a_release_is_downloaded_by_checksum_and_a_folder_is_known_by_its_digest(home):
    assert json.loads(home.runner_document()) == {
        "source": "v2.31.0",
        "url": "https://github.com/kubernetes-sigs/kubespray/archive/refs/tags/v2.31.0.tar.gz",
        "checksum": CHECKSUM,
    }
    folder = planned(kubespray={"folder": "playbooks"})
    assert json.loads(folder.runner_document("a" * 64)) == {"source": "folder-" + "a" * 12, "url": None, "checksum": None}
    assert folder.runner_arguments == ["folder", "playbooks"] and folder.converge_arguments[1] == "playbooks"


def test_a_machine_lets_the_runner_in_from_its_mesh_address_only(home):
    said = json.loads(home.prepare_document("nimbus", "ssh-ed25519 AAAA runner\n"))
    expected = {"key": "ssh-ed25519 AAAA runner", "from": "10.88.0.1", "network": "10.88.0.0/24", "controlPlane": True}
    assert said == expected


def test_the_runner_knows_every_machine_s_host_key_and_system(home):
    systems = {name: f"system of {name}" for name in home.machines}
    hosts = json.loads(home.converge_document(systems))["hosts"]
    assert {name: said["system"] for name, said in hosts.items()} == systems
    assert all(said["key"].startswith("ssh-ed25519 ") and said["port"] == 22 for said in hosts.values())


def test_a_new_system_on_a_machine_is_a_change(home):
    systems = dict.fromkeys(home.machines, "one")
    assert home.converge_document(systems) != home.converge_document(systems | {"absis": "two"})


def test_documents_are_the_same_however_often_they_are_made(home):
    systems = dict.fromkeys(home.machines, "one")
    assert planned().converge_document(systems) == home.converge_document(systems)


def contexts(text: str) -> dict[str, str]:
    said = yaml.safe_load(text)
    return {one["name"]: one["cluster"]["server"] for one in said["clusters"]}


def test_the_operator_has_a_context_for_each_control_plane_machine_at_home(home):
    said = yaml.safe_load(home.kubeconfig(ADMIN))
    assert contexts(home.kubeconfig(ADMIN)) == {"leviathan": "https://192.168.1.10:6443", "absis": "https://192.168.1.11:6443"}
    assert {one["cluster"]["tls-server-name"] for one in said["clusters"]} == {"leviathan", "absis"}
    assert said["current-context"] == "leviathan" and said["users"][0]["user"]["client-key-data"] == "S0VZ"
    assert {one["name"] for one in said["contexts"]} == {"leviathan", "absis"}


def test_a_client_reaches_the_api_over_the_mesh(home):
    assert contexts(home.client_kubeconfig(ADMIN)) == {"leviathan": "https://10.88.0.1:6443", "absis": "https://10.88.0.2:6443"}


def test_an_operator_in_the_mesh_reaches_it_there():
    homelab = lab()
    homelab = homelab.model_copy(update={"operator": homelab.operator.model_copy(update={"via": "mesh"})})
    assert contexts(plan(homelab).kubeconfig(ADMIN))["absis"] == "https://10.88.0.2:6443"


def test_the_context_that_is_chosen_is_all_that_its_choice_changes(home):
    other = planned(context="absis")
    assert yaml.safe_load(other.kubeconfig(ADMIN))["current-context"] == "absis"
    systems = dict.fromkeys(home.machines, "one")
    assert other.converge_document(systems) == home.converge_document(systems)


@pytest.mark.parametrize("text", ["", "S0VZ: [", "{}", "clusters: []", "hush"])
def test_what_is_no_kubeconfig_is_refused_without_showing_it(home, text):
    with pytest.raises(ValueError, match=r"admin\.conf is no kubeconfig") as refused:
        home.kubeconfig(text)
    assert "hush" not in str(refused.value) and refused.value.__cause__ is None


def test_without_kubespray_there_is_no_cluster():
    found = planned(kubespray=None)
    assert not found.enabled and not found.machines and not found.variables and not found.warnings and not check(lab(kubespray=None))


def test_a_lab_of_one_machine_and_calico_are_told_of():
    alone = planned(machines=lambda machines: {"leviathan": machines["leviathan"]}, network="calico")
    assert ["leviathan is the whole control plane" in alone.warnings[0], "Calico" in alone.warnings[1]] == [True, True]
    assert (
        "have been tried with v2.31.0 only" in planned(kubespray={"version": "v2.30.0", "checksum": CHECKSUM}, version="1.34.3").warnings[0]
    )


def test_home_without_a_majority_of_its_own_is_told_of():
    def far(machines: Any) -> Any:
        return {"leviathan": machines["leviathan"], "nimbus": machines["nimbus"], "stratus": machines["nimbus"]}

    homelab = lab()
    addresses = {**homelab.mesh.addresses, "stratus": homelab.mesh.addresses["absis"]}
    homelab = homelab.model_copy(
        update={"machines": far(homelab.machines), "mesh": homelab.mesh.model_copy(update={"addresses": addresses})}
    )
    assert any("home has no majority" in line for line in warnings(homelab, [*homelab.machines]))


@settings(max_examples=40, deadline=None)
@given(own=some.integers(1, 7), rented=some.integers(0, 4), without=some.sets(some.integers(0, 10)))
def test_whatever_the_lab_every_machine_has_a_part_and_an_own_one_is_first(own, rented, without):
    homelab = lab()
    kinds = {
        **{f"own{i}": homelab.machines["absis"] for i in range(own)},
        **{f"rented{i}": homelab.machines["nimbus"] for i in range(rented)},
    }
    machines = {
        name: said.model_copy(update={"control_plane": index == 0 or index not in without, "disks": ()})
        for index, (name, said) in enumerate(kinds.items())
    }
    addresses = {name: homelab.mesh.network[index + 1] for index, name in enumerate(machines)}
    mesh = homelab.mesh.model_copy(update={"addresses": addresses})
    storage = homelab.storage.model_copy(update={"filesystem": None, "block": None, "object": None})
    update: dict[str, Any] = {"machines": machines, "mesh": mesh, "storage": storage}
    keys = {name: homelab.identities.host_key("nimbus") for name in machines}
    found = plan(homelab.model_copy(update=update | {"identities": homelab.identities.model_copy(update={"rented_host_keys": keys})}))
    assert {*found.control_plane} | {*found.workers} == {*machines}
    assert not machines[found.control_plane[0]].rented and "own0" in found.workers
    assert found.context in found.servers and not machines[found.runner].rented
    assert {*groups(found)[ETCD]} == {*found.control_plane}


def test_the_plan_imports_without_the_engine():
    modules = ", ".join(f"components.kubernetes.{name}" for name in ("plan", "check", "report", "kubeconfig", "inventory", "variables"))
    code = f"import sys; sys.modules.update(pulumi=None, pulumi_command=None, ediri_vultr=None); import {modules}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True).stderr == ""
