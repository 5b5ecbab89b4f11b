"""Which releases a configuration asks for, in which order, and with which values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.releases.selection import order
from tests.components.releases.lab import app, planned

APPS = ("plex", "home-assistant", "notes")


@pytest.fixture(scope="module")
def dev() -> Any:
    return planned("dev", secrets={"notes": {"PASSWORD": "sensitive"}})


@pytest.fixture(scope="module")
def home() -> Any:
    return planned()


def test_each_topic_is_one_release_and_ingress_two_of_the_same_chart(home: Any) -> None:
    assert [*home.releases][:6] == ["certificates", "ingress-public", "ingress-home", "files", "block", "metrics"]
    assert home.releases["ingress-public"].chart == home.releases["ingress-home"].chart
    assert {one.name for one in home.releases.values()} >= {"cert-manager", "ingress-public", "ceph-csi-cephfs", "metrics-server", "plex"}


def test_what_is_not_asked_for_is_not_there() -> None:
    found = planned(ingress={}, certificates={}, volumes={}, metrics={}, applications={})
    assert not found.enabled and not found.issuers and not found.namespaces and not any(found.opened.values()) and not found.packages
    assert found.certificate == "" and not found.warnings


def test_an_application_comes_after_its_entrances_its_issuer_and_its_volumes(dev: Any) -> None:
    assert {*dev.releases["app-plex"].needs} == {"ingress-public", "ingress-home", "issuer-private"}
    assert {*dev.releases["app-home-assistant"].needs} == {"ingress-public", "ingress-home", "issuer-private", "files"}
    assert {*dev.releases["app-notes"].needs} == {"ingress-home", "issuer-private"}


def test_every_release_stands_behind_all_that_it_needs(dev: Any, home: Any) -> None:
    for plan in (dev, home):
        keys = [*plan.releases]
        for key, release in plan.releases.items():
            assert all(keys.index(need) < keys.index(key) for need in release.needs if need in keys)
            assert all(need in keys or need.removeprefix("issuer-") in plan.issuers for need in release.needs)


def test_a_chart_of_one_s_own_comes_after_everything_and_gets_its_values_as_they_are() -> None:
    source = {"oci": "oci://registry.example/charts/wiki", "version": "1.2.3"}
    release = planned(applications={"wiki": {"chart": source, "values": {"a": {"b": None}, "c": [1]}}}).releases["app-wiki"]
    assert (release.chart, release.version, release.repository) == ("oci://registry.example/charts/wiki", "1.2.3", None)
    assert release.values == {"a": {"b": None}, "c": [1]} and {"files", "block", "ingress-home", "issuer-private"} <= {*release.needs}


def test_a_remote_chart_has_its_exact_version_and_a_folder_its_digest(home: Any, dev: Any) -> None:
    for release in home.releases.values():
        folder = release.chart.startswith("./")
        assert bool(release.version) != folder and (not folder or release.values["chartDigest"]), release.key
    for release in dev.releases.values():
        assert release.version is None and ("chartDigest" in release.values) != bool(release.description), release.key


def test_what_the_operator_adds_to_values_wins_and_leaves_the_rest() -> None:
    said = app(memory="100MiB", values={"resources": {"limits": {"memory": "1Gi"}}, "runAsUser": 1001, "readOnlyRoot": None})
    values = planned(applications=said).releases["app-one"].values
    assert values["resources"] == {"requests": {"memory": "50Mi"}, "limits": {"memory": "1Gi"}}
    assert values["runAsUser"] == 1001 and values["readOnlyRoot"] is None and values["port"] == 8080


def test_only_public_applications_are_served_to_the_world(dev: Any) -> None:
    classes = {app: dev.releases[f"app-{app}"].values["ingress"]["classes"] for app in APPS}
    assert classes == {"plex": ["public", "home"], "home-assistant": ["public", "home"], "notes": ["home"]}


def test_let_s_encrypt_signs_only_where_it_can_look(home: Any) -> None:
    assert home.signers == {"plex": "letsencrypt", "home-assistant": "private"}
    assert home.releases["app-home-assistant"].values["ingress"]["issuer"] == "private"
    assert {*home.issuers} == {"private", "letsencrypt", "letsencrypt-staging"} and {*planned("dev").issuers} == {"private"}


def test_data_is_on_the_file_system_or_in_a_claim(dev: Any) -> None:
    assert dev.releases["app-plex"].values["data"] == {"path": "/srv/archive/apps/plex"}
    assert dev.releases["app-home-assistant"].values["data"] == {"claim": {"storageClass": "files", "size": "1Gi"}}
    assert dev.releases["app-plex"].values["mounts"] == [
        {"name": "media", "path": "/srv/archive/media", "mountPath": "/media", "readOnly": True}
    ]


def test_secrets_are_named_in_values_and_never_stand_there(dev: Any) -> None:
    assert dev.releases["app-notes"].values["secretName"] == "notes-secrets" and dev.releases["app-plex"].values["secretName"] == ""
    assert "sensitive" not in str([release.values for release in dev.releases.values()]) and "sensitive" not in repr(dev)


def test_devices_the_machine_and_its_network_are_what_the_example_says(home: Any) -> None:
    plex, assistant = (home.releases[f"app-{app}"].values for app in ("plex", "home-assistant"))
    assert plex["devices"] == ["/dev/dri"] and plex["node"] == "leviathan" and not plex["hostNetwork"]
    assert assistant["devices"][0].startswith("/dev/serial/by-id/") and assistant["node"] == "absis" and assistant["hostNetwork"]


def test_everything_is_in_namespaces_that_are_made_but_for_the_system_s_own(home: Any) -> None:
    assert home.namespaces == ["applications", "cert-manager", "ingress", "volumes-block", "volumes-files"]
    assert home.releases["metrics"].namespace == "kube-system"


def test_each_kind_of_volumes_has_the_key_of_its_own_user(home: Any) -> None:
    assert {key: (said.namespace, said.user) for key, said in home.storage_secrets.items()} == {
        "files": ("volumes-files", "kubernetes-filesystem"),
        "block": ("volumes-block", "kubernetes-block"),
    }


def test_an_application_says_how_long_it_may_take(home: Any) -> None:
    assert {release.deadline for release in home.releases.values()} == {180}
    assert planned(applications=app(deadline=600)).releases["app-one"].deadline == 600


def test_a_circle_of_needs_is_named() -> None:
    with pytest.raises(ValueError, match="a needs b needs a"):
        order({"a": ["b"], "b": ["a"]})


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4), max_size=13))
def test_any_needs_without_a_circle_are_put_in_order(found: dict[int, list[int]]) -> None:
    needs = {str(key): [str(other) for other in others if other < key] for key, others in found.items()}
    made = order(needs)
    assert sorted(made) == sorted(needs)
    assert all(made.index(other) < made.index(key) for key, others in needs.items() for other in others if other in needs)
