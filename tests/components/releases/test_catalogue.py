"""What the official charts are given: the promises of the design, value by value."""

import json
from typing import Any

import pytest

from components.releases.catalogue import ingress
from components.releases.quantity import quantity
from config.authority import check_certificate
from config.size import Size
from config.types import Taint
from tests.components.releases.lab import planned


@pytest.fixture(scope="module")
def home() -> Any:
    return planned()


def controller(home: Any, entrance: str) -> Any:
    return home.releases[f"ingress-{entrance}"].values["controller"]


def machines(said: Any) -> list[str]:
    (term,) = said["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return list(term["matchExpressions"][0]["values"])


def test_the_world_comes_in_by_rented_machines_and_home_by_its_own(home: Any) -> None:
    assert machines(controller(home, "public")) == ["nimbus"] and machines(controller(home, "home")) == ["leviathan", "absis"]


@pytest.mark.parametrize("entrance", ["public", "home"])
def test_nginx_is_on_its_machine_s_own_network_once_a_machine(home: Any, entrance: str) -> None:
    said = controller(home, entrance)
    assert said["kind"] == "daemonset" and said["hostNetwork"] and said["service"] == {"create": False}
    assert said["ingressClass"] == {"name": entrance, "create": True, "setAsDefaultIngress": False}


def test_two_controllers_do_not_fight_over_what_ingresses_report(home: Any) -> None:
    for entrance in ("public", "home"):
        assert controller(home, entrance)["reportIngressStatus"] == {"enable": False, "enableLeaderElection": False}


def test_the_rented_machine_s_taints_are_tolerated_and_its_memory_is_spared(home: Any) -> None:
    said = controller(home, "public")
    assert {(one["key"], one["effect"]) for one in said["tolerations"]} == {
        ("cloud", "NoSchedule"),
        ("node-role.kubernetes.io/control-plane", "NoSchedule"),
    }
    assert said["resources"]["limits"] == {"memory": "256Mi"} and said["resources"]["requests"]["memory"] == "128Mi"


def test_the_same_taint_of_two_machines_is_tolerated_once() -> None:
    taints = [Taint("a", "1", "NoExecute"), Taint("a", None, "NoExecute")]
    said: Any = ingress.values("home", ["x"], taints, Size(2**28))["controller"]
    assert len(said["tolerations"]) == 2


def test_nothing_on_a_machine_s_own_network_listens_where_another_does(home: Any) -> None:
    """ceph-csi's plug-ins are on it too: their charts' 8080 and 8081 would take nginx's."""
    assert controller(home, "home")["readyStatus"]["port"] == ingress.READY_PORT not in (8080, 8081)
    for key in ("files", "block"):
        values = home.releases[key].values
        assert values["nodeplugin"]["httpMetrics"] == values["provisioner"]["httpMetrics"] == {"enabled": False}


def test_no_more_provisioners_than_machines_to_put_them_on(home: Any) -> None:
    assert home.releases["files"].values["provisioner"]["replicaCount"] == home.releases["block"].values["provisioner"]["replicaCount"] == 2


def test_volumes_are_kept_unless_the_operator_says_otherwise(home: Any) -> None:
    assert {home.releases[key].values["storageClass"]["reclaimPolicy"] for key in ("files", "block")} == {"Retain"}
    other = planned(volumes={"files": {"reclaim": "Delete"}})
    assert other.releases["files"].values["storageClass"]["reclaimPolicy"] == "Delete"


def test_one_class_is_for_claims_that_name_none(home: Any) -> None:
    def default(plan: Any) -> list[str]:
        known = [plan.releases[key].values["storageClass"] for key in ("files", "block") if key in plan.releases]
        return [said["name"] for said in known if "is-default-class" in str(said.get("annotations"))]

    assert default(home) == ["files"] and default(planned(volumes={"block": {}})) == ["block"]


def test_the_charts_find_ceph_by_its_monitors_in_the_mesh(home: Any) -> None:
    (cluster,) = home.releases["files"].values["csiConfig"]
    assert cluster["monitors"] == ["10.88.0.1:6789", "10.88.0.2:6789", "10.88.0.3:6789"] and cluster["cephFS"] == {"subvolumeGroup": "csi"}
    assert home.releases["files"].values["storageClass"]["fsName"] == "archive"
    assert home.releases["block"].values["storageClass"]["pool"] == "block"


def test_where_ceph_encrypts_its_traffic_volumes_do_too() -> None:
    plain = planned("home")
    storage = json.loads(json.dumps({"filesystem": {}, "block": {}, "secure": True}))
    secure = planned(storage=storage)
    assert "kernelMountOptions" not in plain.releases["files"].values["storageClass"]
    assert secure.releases["files"].values["storageClass"]["kernelMountOptions"] == "ms_mode=secure"
    assert secure.releases["block"].values["storageClass"]["mapOptions"] == "krbd:ms_mode=secure"
    assert all(one.endswith(":3300") for one in secure.releases["files"].values["csiConfig"][0]["monitors"])


def test_no_key_of_ceph_stands_in_values(home: Any) -> None:
    for key, name in (("files", "csi-cephfs-secret"), ("block", "csi-rbd-secret")):
        values = home.releases[key].values
        assert values["secret"] == {"create": False, "name": name} and "userKey" not in str(values)
        assert values["storageClass"]["nodeStageSecret"] == values["storageClass"]["provisionerSecret"] == name


def test_certificates_outlive_the_release_that_made_them(home: Any) -> None:
    assert home.releases["certificates"].values["crds"] == {"enabled": True, "keep": True}


def test_the_private_authority_signs_by_a_secret_and_let_s_encrypt_looks_at_the_public_entrance(home: Any) -> None:
    assert home.issuers["private"] == {"ca": {"secretName": "homelab-authority"}}
    acme = home.issuers["letsencrypt"]["acme"]
    assert acme["solvers"] == [{"http01": {"ingress": {"ingressClassName": "public"}}}] and acme["email"] == "you@example.net"
    assert "staging" in home.issuers["letsencrypt-staging"]["acme"]["server"] and "staging" not in acme["server"]
    assert check_certificate(home.certificate)


def test_a_mail_address_is_no_must() -> None:
    assert "email" not in planned(certificates={"issuer": "letsencrypt"}).issuers["letsencrypt"]["acme"]


@pytest.mark.parametrize(
    ("size", "text"), [(2**30, "1Gi"), (20 * 2**30, "20Gi"), (2**20, "1Mi"), (1536 * 2**20, "1536Mi"), (10**9, "954Mi"), (1, "1Mi")]
)
def test_a_size_is_written_as_kubernetes_does_and_never_made_smaller(size: int, text: str) -> None:
    assert quantity(size) == text
