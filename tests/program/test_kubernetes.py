"""The cluster in the whole program: when Kubespray runs, what it is told, who gets the kubeconfig."""

import json

from tests.graph import nothing_runs, stack_graph


def test_kubespray_runs_when_the_mesh_and_the_storage_are_ready_and_every_machine_trusts_the_runner(graph):
    before = graph.before("kubernetes-converge")
    assert {"storage-health", *graph.names("mesh-probe-*"), *graph.names("kubernetes-prepare-*")} <= before
    assert len(graph.names("kubernetes-prepare-*")) == 3 and "kubernetes-runner" in before


def test_the_runner_is_made_ready_while_the_storage_still_is(graph):
    assert not {name for name in graph.before("kubernetes-runner") if name.startswith(("storage-", "mesh-"))}


def test_what_the_cluster_is_to_be_can_be_read_in_a_preview_and_its_document_cannot(graph):
    converge = graph["kubernetes-converge"]
    assert (
        "control-plane leviathan,absis,nimbus workers leviathan,absis" in converge.inputs["create"]
        and "1.35.4" in converge.inputs["create"]
    )
    assert "stdin" in converge.secrets


def test_another_system_of_a_machine_is_another_wish_for_the_cluster(graph):
    hosts = json.loads(graph["kubernetes-converge"].inputs["stdin"])["hosts"]
    assert hosts["absis"]["system"] == "fleet-absis-contact-id" and hosts["nimbus"]["system"] == "fleet-nimbus-server-id"


def test_moving_house_asks_for_no_run_of_kubespray(run):
    def renumber(said):
        for number, name in ((10, "leviathan"), (11, "absis")):
            said["homelab:machines"][name]["lan"] = f"172.20.0.{number}/24"

    before, after = stack_graph("dev"), run(change=renumber)
    for name in before.names("kubernetes-*"):
        for key in ("create", "stdin"):
            # The folder is sent to another address then, and is still the same.
            assert name == "kubernetes-send" or before[name].inputs.get(key) == after[name].inputs.get(key), name


def test_the_folder_is_sent_only_where_there_is_one(dev):
    said = json.loads(dev["kubernetes-send"].inputs["stdin"])
    assert said["folder"] == "rehearsal/kubespray" and said["target"]["name"] == "leviathan"
    assert "kubernetes-send" in dev.before("kubernetes-runner") and "kubernetes-send" not in stack_graph("home").nodes
    assert said["source"] == json.loads(dev["kubernetes-runner"].inputs["stdin"])["source"]


def test_the_kubeconfig_is_a_secret_and_asked_for_anew_after_each_run(graph):
    step = graph["kubernetes-kubeconfig"]
    assert {"stdout", "stderr"} <= {*step.request.additionalSecretOutputs} and "0123456789abcdef" in step.inputs["stdin"]
    assert "KEY of the admin" in graph.outputs["kubeconfig"]
    for name, node in graph.nodes.items():
        assert "KEY of the admin" not in node.plain, name


def test_a_laptop_asks_the_cluster_over_the_mesh(dev):
    said = dev.outputs["clients"]["laptop"]["files"]["/etc/homelab/kubeconfig"]
    assert "https://10.88.0.1:6443" in said and "192.168." not in said


def test_without_kubespray_nothing_of_a_cluster_is_registered(run):
    graph = run(change=lambda said: (nothing_runs(said), said["homelab:kubernetes"].pop("kubespray")))
    assert graph.names("kubernetes-*") == [] and graph.outputs["kubeconfig"] == "" and graph.outputs["kubernetes"] == {}
    assert "/etc/homelab/kubeconfig" not in graph.outputs["clients"]["laptop"]["files"]
    assert "python3-venv" not in graph["fleet-absis-base"].inputs["stdin"]
