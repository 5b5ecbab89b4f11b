"""Kubernetes on real machines: real etcd, API servers, kubelets and pods, brought up by the rehearsal's playbooks. In this order."""

import json
from collections.abc import Iterator

import pytest

from rehearsal.kubernetes import install
from tests.rehearsal.lab.cluster import HOMES
from tests.rehearsal.lab.kube import LARGE, MACHINES, Kube, await_members, eventually, processes, record
from tests.rehearsal.lab.lab import MESH, Lab
from tests.rehearsal.lab.test_lab import PROBE

pytestmark = pytest.mark.rehearsal
MTU = 1350
"""The largest packet of a pod: the mesh's 1400, less what VXLAN adds."""

ACROSS = [("leviathan", "absis"), ("absis", "leviathan")]
PORTS = ("6443", "2379", "2380", "10250", "10256")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


@pytest.fixture(scope="module")
def desk(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Kube:
    return Kube(lab, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def pods(desk: Kube) -> Iterator[str]:
    """The namespace that has them."""
    with desk.everywhere("everywhere") as namespace:
        yield namespace


def test_the_first_up_shows_the_playbook_and_its_end(made: str) -> None:
    assert "cluster.yml: install Kubernetes" in made and "cluster.yml done in" in made


def test_all_machines_are_ready_nodes_known_by_their_mesh_addresses(desk: Kube) -> None:
    assert desk.ready() == {*MACHINES}
    for node in desk.get("nodes"):
        addresses = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
        assert addresses == [MESH[node["metadata"]["name"]]]


def test_etcd_is_healthy_and_listens_on_mesh_addresses_only(lab: Lab) -> None:
    await_members(lab)
    for name in MACHINES:
        lines = [line for line in lab.inside(name, "ss", "-Hltnp").stdout.splitlines() if '"etcd"' in line]
        assert {line.split()[3].rpartition(":")[0] for line in lines} == {MESH[name], "127.0.0.1"}, lines


def test_a_pod_runs_on_each_home_machine_and_none_on_the_vps_but_the_public_ingress(desk: Kube, pods: str) -> None:
    assert {*desk.pods(pods)} == {*HOMES}
    there = desk.get("pods", "--all-namespaces", "--field-selector=spec.nodeName=nimbus")
    assert {one["metadata"]["labels"].get("app.kubernetes.io/instance") for one in there} <= {"ingress-public"}


@pytest.mark.parametrize(("one", "other"), ACROSS)
def test_a_pod_reaches_a_pod_of_another_machine_with_full_size_packets(lab: Lab, desk: Kube, pods: str, one: str, other: str) -> None:
    address, here = desk.pods(pods)[other]["status"]["podIP"], desk.network_of(lab, pods, one)
    for size, answered in ((MTU, True), (MTU + 1, False)):
        ping = ("ping", "-n", "-q", "-M", "do", "-s", str(size - 28), "-c", "2", "-i", "0.2", "-W", "2", address)
        done = lab.inside(one, *here, *ping)
        assert (done.returncode == 0) == answered, f"{size} bytes: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("node", HOMES)
def test_a_pod_reaches_a_service_by_name_whichever_machine_answers(desk: Kube, pods: str, node: str) -> None:
    get = "timeout 5 wget -q -O - http://tried"
    asked = desk.inside(pods, node, f"for i in $(seq 20); do {get}/node || exit; {get}/large | wc -c; done | sort | uniq -c")
    counted = {words[1]: int(words[0]) for words in map(str.split, asked.stdout.splitlines())}
    assert asked.returncode == 0 and {*counted} == {*HOMES, str(LARGE)} and counted[str(LARGE)] == 20, asked


@pytest.mark.parametrize("node", HOMES)
def test_a_pod_reaches_every_api_server_also_that_of_its_own_machine(desk: Kube, pods: str, node: str) -> None:
    """Each server by its address, and by the service, which chooses among them."""
    targets = [*(f"{MESH[name]} 6443" for name in MACHINES), *["kubernetes.default 443"] * 10]
    failed = "\n".join(f"timeout 5 nc -w 3 {target} </dev/null >/dev/null || echo {target}" for target in targets)
    asked = desk.inside(pods, node, failed)
    assert asked.stdout == "" and asked.returncode == 0, asked


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_itself_reaches_whichever_api_server_the_service_chooses(lab: Lab, desk: Kube, name: str) -> None:
    """As pods on the machine's own network do, the ingress among them."""
    (service,) = desk.get("services", "--namespace=default", "--field-selector=metadata.name=kubernetes")
    again = f"for _ in range(15): {CONNECT.partition('; ')[2]}"
    asked = lab.inside(name, "python3", "-c", f"import socket, sys\n{again}", service["spec"]["clusterIP"], "443", deadline=100)
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("node", HOMES)
def test_the_dns_answers_pods(desk: Kube, pods: str, node: str) -> None:
    (service,) = desk.get("services", f"--namespace={pods}")
    asked = desk.inside(pods, node, f"nslookup -type=a tried.{pods}.svc.cluster.local")
    assert asked.returncode == 0 and f"Address: {service['spec']['clusterIP']}\n" in asked.stdout, asked


def test_the_laptop_asks_every_home_machines_api_over_the_mesh(lab: Lab) -> None:
    """kubectl, which a laptop has from its distribution, is one of the programs that the rehearsal has built."""
    linked = lab.inside("laptop", "ln", "-sf", f"{install.PLACE}/kube", "/usr/local/bin/kubectl")
    assert linked.returncode == 0, linked.stderr
    kubectl = ("kubectl", "--kubeconfig=/etc/homelab/kubeconfig", "--request-timeout=20s")
    said = json.loads(lab.inside("laptop", *kubectl, "config", "view", "--output=json").stdout)
    servers = {one["name"]: one["cluster"]["server"] for one in said["clusters"]}
    assert servers == {name: f"https://{MESH[name]}:6443" for name in HOMES} and said["current-context"] == "leviathan"
    for context in HOMES:
        asked = lab.inside("laptop", *kubectl, f"--context={context}", "get", "nodes", "--output=name")
        assert {*asked.stdout.split()} == {f"node/{name}" for name in MACHINES}, asked
    assert lab.inside("laptop", "stat", "-c", "%a %U", "/etc/homelab/kubeconfig").stdout == "600 root\n"


def test_the_operators_kubeconfig_asks_over_the_lan(desk: Kube) -> None:
    said = json.loads(desk("config", "view", "--output=json"))
    lan = {"leviathan": "192.168.77.10", "absis": "192.168.77.11"}
    assert {one["name"]: one["cluster"]["server"] for one in said["clusters"]} == {name: f"https://{lan[name]}:6443" for name in HOMES}
    for context in HOMES:
        assert desk.ready(context) == {*MACHINES}


@pytest.mark.parametrize("address", ["203.0.113.100", "v6"])
def test_nothing_of_the_cluster_answers_from_the_internet(lab: Lab, desk: Kube, pods: str, address: str) -> None:
    if address == "v6":
        shown = json.loads(lab.inside("nimbus", "ip", "-json", "-6", "address", "show", "scope", "global").stdout)
        address = next(one["local"] for link in shown for one in link["addr_info"] if one["local"].startswith("2001:db8"))
    listening = lab.inside("nimbus", "ss", "-Hltn").stdout
    assert all(f":{port} " in listening for port in ("6443", "2379", "2380", "10250", "10256")), listening
    (service,) = desk.get("services", f"--namespace={pods}")
    node_port = str(service["spec"]["ports"][0]["nodePort"])
    for member in ("leviathan", "laptop"):
        assert lab.inside(member, "python3", "-c", CONNECT, MESH["nimbus"], node_port).returncode == 0, member
    assert lab.outside(PROBE, address, *PORTS, node_port).stdout.split() == []


def test_a_second_up_changes_nothing_runs_no_playbook_and_touches_no_daemon(lab: Lab) -> None:
    recorded, running = record(lab), {name: processes(lab, name) for name in MACHINES}
    assert recorded["phase"] == "done" and "0" not in running["leviathan"].values()
    lab.up("--expect-no-changes")
    assert record(lab) == recorded and {name: processes(lab, name) for name in MACHINES} == running


def test_the_step_run_again_finds_that_nothing_is_to_be_done(lab: Lab) -> None:
    recorded, running = record(lab), {name: processes(lab, name) for name in MACHINES}
    said = lab.up("--replace", lab.urn("kubernetes-converge")).stdout
    assert "no playbook runs" in said
    assert record(lab) == recorded and {name: processes(lab, name) for name in MACHINES} == running


def test_every_machine_has_the_same_record(lab: Lab) -> None:
    first, *others = [record(lab, name) for name in MACHINES]
    assert all(other == first for other in others)


def test_status_shows_the_nodes(lab: Lab) -> None:
    shown = lab.command("do", "leviathan", "kubernetes/status").stdout
    assert "Kubernetes 1.35.4" in shown and "kubelet is active" in shown and "etcd is active" in shown


def test_a_pod_that_is_taken_away_comes_again(desk: Kube, pods: str) -> None:
    old = desk.pods(pods)["absis"]["metadata"]["name"]
    desk("delete", "pod", f"--namespace={pods}", old, "--timeout=60s")
    eventually(lambda: desk.pods(pods).get("absis", {}).get("metadata", {}).get("name", old) != old, 60, lambda: "no other pod came")
