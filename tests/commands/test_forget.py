"""`make forget` on an exported state: what goes, what stays, and that nothing names what went."""

import json

import pytest

from commands.forget import Unknown, forget

HEAD = "urn:pulumi:dev::homelab::"


def urn(name: str) -> str:
    return f"{HEAD}some:module:Type::{name}"


@pytest.fixture
def state():
    server, contact = urn("fleet-nimbus-server"), urn("fleet-absis-contact")
    resources = [
        {"urn": urn("fleet-nimbus-address")},
        {"urn": server, "dependencies": [urn("fleet-nimbus-address")]},
        {"urn": urn("fleet-nimbus-contact"), "deletedWith": server, "replaceWith": [server]},
        {"urn": contact},
        {"urn": urn("fleet-preflight"), "dependencies": [server, contact], "propertyDependencies": {"stdin": [server, contact]}},
        {"urn": urn("mesh-join-nimbus"), "deletedWith": server},
        {"urn": urn("mesh-join-absis"), "deletedWith": contact, "dependencies": [urn("mesh-join-nimbus"), urn("fleet-preflight")]},
    ]
    pending = [{"resource": {"urn": server}, "type": "creating"}, {"resource": {"urn": contact}, "type": "creating"}]
    return {"version": 3, "deployment": {"resources": resources, "pending_operations": pending}}


def names(state):
    return [resource["urn"].rsplit("::", 1)[1] for resource in state["deployment"]["resources"]]


def test_the_server_goes_with_all_that_lived_on_it_and_its_address_stays(state):
    left, dropped = forget(state, "nimbus")
    assert dropped == ["fleet-nimbus-contact", "fleet-nimbus-server", "mesh-join-nimbus"]
    assert names(left) == ["fleet-nimbus-address", "fleet-absis-contact", "fleet-preflight", "mesh-join-absis"]


def test_with_the_runner_goes_what_runs_in_its_cluster(state):
    converge = urn("kubernetes-converge")
    state["deployment"]["resources"] += [
        {"urn": converge, "deletedWith": urn("fleet-absis-contact")},
        {"urn": urn("releases-app-plex"), "deletedWith": converge, "replaceWith": [converge]},
    ]
    assert forget(state, "absis")[1] == ["fleet-absis-contact", "kubernetes-converge", "mesh-join-absis", "releases-app-plex"]
    assert forget(state, "nimbus")[1] == ["fleet-nimbus-contact", "fleet-nimbus-server", "mesh-join-nimbus"]


def test_no_reference_to_what_went_is_left(state):
    left, _ = forget(state, "nimbus")
    assert not [name for name in ("nimbus-server", "join-nimbus", "nimbus-contact") if name in json.dumps(left)]
    assert left["deployment"]["resources"][2]["propertyDependencies"] == {"stdin": [urn("fleet-absis-contact")]}


def test_an_own_machine_goes_by_its_contact(state):
    assert forget(state, "absis")[1] == ["fleet-absis-contact", "mesh-join-absis"]


def test_an_unknown_machine_is_refused_with_the_known_ones(state):
    with pytest.raises(Unknown, match="absis, nimbus"):
        forget(state, "nimbsu")


def test_the_state_given_is_not_touched(state):
    before = json.dumps(state)
    forget(state, "nimbus")
    assert json.dumps(state) == before
