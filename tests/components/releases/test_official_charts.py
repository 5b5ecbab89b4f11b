"""Official charts with our values: what they accept, and what becomes of it. Needs the charts in the folder HOMELAB_CHARTS, helm and
an API server of the rehearsal, and no machine; nothing of them is in this repository."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from components.storage.access import VOLUMES
from config.stack import read
from rehearsal.kubernetes import install
from tests.charts.rendering import one
from tests.components.conftest import CHARTS
from tests.components.releases.official import (
    CATALOGUE,
    complaints,
    defaults,
    described,
    folder,
    known,
    places,
    planned,
    pods,
    rendered,
    template,
)
from tests.rehearsal.plugins.kubernetes.control_plane import ControlPlane, control_plane

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("official")]
ENTRANCES = ("ingress-public", "ingress-home")
VOLUME_CHARTS = ("files", "block")
CLOUD = {"key": "cloud", "operator": "Exists", "effect": "NoSchedule"}
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of charts, each of exactly the version that is pinned."""
    releases = planned().releases
    for key in CATALOGUE:
        found, wanted = described(releases[key])["version"], releases[key].version
        assert found == wanted, f"{CHARTS}/{folder(releases[key]).name} is version {found}, {wanted} is pinned"
    return Path(os.environ[CHARTS])


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(install.ensure(), tmp_path_factory.mktemp("plane")) as running:
        yield running


def arguments(key: str) -> list[str]:
    """How nginx's controller is started."""
    [spec] = pods(rendered(key)).values()
    [container] = spec["containers"]
    found: list[str] = container["args"]
    return found


def parts(key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pods of a CSI driver: on each machine, and the few that make volumes."""
    found = pods(rendered(key))
    [machine] = [spec for name, spec in found.items() if name.startswith("DaemonSet/")]
    [maker] = [spec for name, spec in found.items() if name.startswith("Deployment/")]
    return machine, maker


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_value_has_a_place_in_the_chart(key):
    """Most charts take any key without a word; what it was for does not happen then."""
    release = planned().releases[key]
    assert [".".join(place) for place in places(release.values) if not known(defaults(release), place)] == []


@pytest.mark.parametrize("key", ["certificates", *ENTRANCES])
def test_the_chart_s_own_schema_accepts_the_values(key):
    release = planned().releases[key]
    assert complaints(release, release.values) == []


def test_that_schema_can_refuse():
    release = planned().releases["ingress-public"]
    assert complaints(release, {"controller": {"kind": "daemonsett"}})
    assert complaints(planned().releases["certificates"], {"crdss": {}})


@pytest.mark.parametrize("key", CATALOGUE)
def test_an_api_server_knows_every_field_and_takes_it(plane, tmp_path, key):
    namespace = planned().releases[key].namespace
    if not plane.there("namespace", namespace):
        plane.ask("create", "namespace", namespace)
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(rendered(key)))
    plane.ask("apply", "--dry-run=server", "--validate=strict", "--namespace", namespace, f"--filename={file}")


@pytest.mark.parametrize("key", CATALOGUE)
def test_no_service_asks_for_a_port_of_the_machines_or_for_a_balancer(key):
    assert {each["spec"].get("type", "ClusterIP") for each in rendered(key) if each["kind"] == "Service"} <= {"ClusterIP"}


def test_no_two_releases_make_the_same_object():
    names = [
        (each["apiVersion"], each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for key in CATALOGUE
        for each in rendered(key)
        if each["kind"] != "CustomResourceDefinition"
    ]
    assert sorted({name for name in names if names.count(name) > 1}, key=str) == []


@pytest.mark.parametrize("key", CATALOGUE)
def test_no_secret_is_made_from_values(key):
    assert [each["metadata"]["name"] for each in rendered(key) if each["kind"] == "Secret"] == []


@pytest.mark.parametrize(("key", "machines"), [("ingress-public", ["nimbus"]), ("ingress-home", ["leviathan", "absis"])])
def test_one_nginx_runs_on_each_machine_of_its_kind_and_nowhere_else(key, machines):
    found = pods(rendered(key))
    assert [name.partition("/")[0] for name in found] == ["DaemonSet"]
    [spec] = found.values()
    [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "In", "values": machines}]
    assert CONTROL_PLANE in spec["tolerations"]


def test_only_the_one_for_the_world_is_let_onto_the_rented_machine():
    [public], [home] = (pods(rendered(key)).values() for key in ENTRANCES)
    assert CLOUD in public["tolerations"] and CLOUD not in home["tolerations"]


@pytest.mark.parametrize("key", ENTRANCES)
def test_nginx_takes_the_machine_s_own_ports_within_a_limit_of_memory(key):
    [spec] = pods(rendered(key)).values()
    [container] = spec["containers"]
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert {80, 443} <= {port["containerPort"] for port in container["ports"]}
    assert container["resources"]["limits"]["memory"] == "256Mi"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    assert not [each for each in rendered(key) if each["kind"] == "Service"]


@pytest.mark.parametrize(("key", "name"), [("ingress-public", "public"), ("ingress-home", "home")])
def test_each_nginx_serves_one_class_of_its_own(key, name):
    made = one(rendered(key), "IngressClass")
    assert made["metadata"]["name"] == name and "annotations" not in made["metadata"]
    assert f"-ingress-class={name}" in arguments(key)


@pytest.mark.parametrize("key", ENTRANCES)
def test_the_two_do_not_fight_over_the_status_of_an_ingress(key):
    assert "-report-ingress-status" not in arguments(key) and "-enable-leader-election=false" in arguments(key)


@pytest.mark.parametrize("key", ENTRANCES)
def test_nginx_needs_no_definition_of_its_own_and_tells_nobody(key):
    """So the definitions in the chart may stay out (`skip_crds`), and nothing waits for them."""
    found = arguments(key)
    assert {"-enable-custom-resources=false", "-enable-snippets=false", "-enable-telemetry-reporting=false"} <= {*found}
    assert planned().releases[key].skip_crds


@pytest.mark.parametrize("key", ENTRANCES)
def test_nginx_is_ready_when_it_says_so(key):
    [spec] = pods(rendered(key)).values()
    [container] = spec["containers"]
    [port] = [port["containerPort"] for port in container["ports"] if port["name"] == container["readinessProbe"]["httpGet"]["port"]]
    assert f"-ready-status-port={port}" in arguments(key)


def test_on_a_machine_s_own_network_no_two_take_a_port():
    taken = [
        (port.get("hostPort", port["containerPort"]), key)
        for key in ("ingress-home", *VOLUME_CHARTS)
        for name, spec in pods(rendered(key)).items()
        if spec.get("hostNetwork")
        for container in spec["containers"]
        for port in container.get("ports", [])
    ]
    ports = [port for port, _ in taken]
    assert [each for each in taken if ports.count(each[0]) > 1] == []


def test_cert_manager_brings_its_definitions_and_leaves_them():
    found = {each["metadata"]["name"]: each for each in rendered("certificates") if each["kind"] == "CustomResourceDefinition"}
    assert {"certificates.cert-manager.io", "clusterissuers.cert-manager.io", "challenges.acme.cert-manager.io"} <= {*found}
    assert {each["metadata"]["annotations"]["helm.sh/resource-policy"] for each in found.values()} == {"keep"}


def test_cert_manager_elects_its_leader_in_its_own_namespace():
    namespaces = {each["metadata"]["namespace"] for each in rendered("certificates") if "namespace" in each["metadata"]}
    assert namespaces == {planned().releases["certificates"].namespace}


@pytest.mark.parametrize("issuer", ["private", "letsencrypt", "letsencrypt-staging"])
def test_every_issuer_is_one_that_cert_manager_knows(issuer):
    definition = one(rendered("certificates"), "CustomResourceDefinition", "clusterissuers.cert-manager.io")
    [version] = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    schema = closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    assert [each.message for each in Draft7Validator(schema).iter_errors(planned().issuers[issuer])] == []


def closed(schema: Any) -> Any:
    """An API server prunes what its schema does not know without a word; here it is refused."""
    if isinstance(schema, dict):
        more = {"additionalProperties": False} if "properties" in schema and "additionalProperties" not in schema else {}
        return {**{name: closed(part) for name, part in schema.items()}, **more}
    return [closed(part) for part in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize(
    ("key", "more"),
    [("files", {"cephFS": {"subvolumeGroup": VOLUMES}}), ("block", {})],
)
def test_ceph_csi_finds_the_cluster_at_its_monitors(key, more):
    config = json.loads(one(rendered(key), "ConfigMap", "ceph-csi-config")["data"]["config.json"])
    fsid = read("dev").identities.ceph.fsid
    monitors = ["10.88.0.1:6789", "10.88.0.2:6789", "10.88.0.3:6789"]
    assert [{**each, "monitors": sorted(each["monitors"])} for each in config] == [{"clusterID": fsid, "monitors": monitors, **more}]


@pytest.mark.parametrize(
    ("key", "place"), [("files", {"fsName": "archive"}), ("block", {"pool": "block", "csi.storage.k8s.io/fstype": "ext4"})]
)
def test_a_storage_class_keeps_what_is_given_back_and_lets_it_grow(key, place):
    found = one(rendered(key), "StorageClass", key)
    assert (found["reclaimPolicy"], found["allowVolumeExpansion"]) == ("Retain", True)
    assert found["parameters"].items() >= {"clusterID": read("dev").identities.ceph.fsid, **place}.items()


def test_one_storage_class_is_for_claims_that_name_none():
    marked = [key for key in VOLUME_CHARTS if "annotations" in one(rendered(key), "StorageClass")["metadata"]]
    assert marked == ["files"]


@pytest.mark.parametrize(("key", "user"), [("files", "kubernetes-filesystem"), ("block", "kubernetes-block")])
def test_every_act_on_a_volume_uses_the_secret_that_is_made_for_it(key, user):
    secret = planned().storage_secrets[key]
    found = one(rendered(key), "StorageClass")["parameters"]
    acts = {name.rpartition("/")[2].removesuffix("-secret-name") for name in found if name.endswith("-secret-name")}
    assert acts >= {"provisioner", "controller-expand", "node-stage"}
    for act in acts:
        prefix = f"csi.storage.k8s.io/{act}-secret"
        assert (found[f"{prefix}-name"], found[f"{prefix}-namespace"]) == (secret.name, secret.namespace)
    assert secret.user == user


@pytest.mark.parametrize(("key", "option"), [("files", "kernelMountOptions"), ("block", "mapOptions")])
def test_where_ceph_encrypts_volumes_do_too(key, option):
    assert "ms_mode=secure" in one(rendered(key, secure=True), "StorageClass")["parameters"][option]
    [cluster] = json.loads(one(rendered(key, secure=True), "ConfigMap", "ceph-csi-config")["data"]["config.json"])
    assert {monitor.rpartition(":")[2] for monitor in cluster["monitors"]} == {"3300"}
    assert option not in one(rendered(key), "StorageClass")["parameters"]


@pytest.mark.parametrize("key", VOLUME_CHARTS)
def test_two_machines_make_volumes_and_each_of_them_mounts_them(key):
    machine, maker = parts(key)
    assert one(rendered(key), "Deployment")["spec"]["replicas"] == 2
    [rule] = maker["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert not machine.get("tolerations"), "the rented machine has no business with volumes"


@pytest.mark.parametrize("key", VOLUME_CHARTS)
def test_a_third_maker_of_volumes_would_never_start(key):
    """The chart's own default is three, and no two may share a machine."""
    assert defaults(planned().releases[key])["provisioner"]["replicaCount"] > 2


def test_metrics_server_asks_kubelets_whose_certificates_nobody_signed():
    [spec] = pods(rendered("metrics")).values()
    [container] = spec["containers"]
    assert {"--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname"} <= {*container["args"]}
    assert one(rendered("metrics"), "APIService")["metadata"]["name"] == "v1beta1.metrics.k8s.io"


@pytest.mark.parametrize("key", ["certificates", "metrics"])
def test_what_serves_the_cluster_runs_at_home_within_limits_of_memory(key):
    for name, spec in pods(rendered(key)).items():
        assert not spec.get("tolerations"), name
        assert all(each["resources"]["limits"]["memory"] for each in spec["containers"] if not name.startswith("Job/")), name


def test_helm_refuses_values_that_a_chart_cannot_use():
    """So what it accepts above says something."""
    release = planned().releases["files"]
    assert template(release, {**release.values, "secret": {"create": True, "userID": "", "userKey": ""}}).returncode != 0
