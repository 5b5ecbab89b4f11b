"""What is run for which difference between applied and wanted: loaded as on a machine, which has no more than the standard library."""

import copy
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes import plan
from components.kubernetes.releases import RELEASES

SCRIPTS = Path(plan.__file__).parent / "scripts"
NAMES = ["leviathan", "absis", "nimbus"]
BOTH = ["kube_control_plane", "etcd", "kube_node"]
WHEN, LATER = "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"


def _load(name: str) -> Any:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SCRIPTS))


decide_module, records, removals = _load("decide"), _load("records"), _load("removals")


def machine(number: int, groups: list[str], **variables: Any) -> dict[str, Any]:
    return {"groups": groups, "variables": {"ip": f"10.88.0.{number}", **variables}}


def want(change: Any = None, **said: Any) -> dict[str, Any]:
    """Three machines, all of the control plane, nimbus without work; `change` edits the result."""
    wanted: dict[str, Any] = {
        "kubespray": "v2.31.0",
        "version": "1.35.4",
        "order": list(NAMES),
        "machines": {
            "leviathan": machine(1, BOTH),
            "absis": machine(2, BOTH),
            "nimbus": machine(3, BOTH[:2], node_taints=["cloud:NoSchedule"]),
        },
        "variables": "one",
        "network": "flannel",
        "pods": "10.233.64.0/18",
        "services": "10.233.0.0/18",
        "encryptSecrets": False,
        "supported": dict(RELEASES["v2.31.0"]),
        "releases": {release: dict(can) for release, can in RELEASES.items()},
        **said,
    }
    if change:
        change(wanted)
    return wanted


def have(change: Any = None, **said: Any) -> dict[str, Any]:
    """The same as applied."""
    return dict(records.done(want(change, **said), WHEN))


def add(*names: str, groups: list[str] = BOTH, at: int = 2) -> Any:
    """A change that adds machines behind the first `at`."""

    def change(record: dict[str, Any]) -> None:
        record["order"][at:at] = names
        record["machines"] |= {name: machine(10 + index, groups) for index, name in enumerate(names)}
        record["variables"] = "more"

    return change


def take(*names: str) -> Any:
    def change(record: dict[str, Any]) -> None:
        for name in names:
            record["order"].remove(name)
            del record["machines"][name]
        record["variables"] = "less"

    return change


def decide(applied: Any, wanted: Any, living: Any = (*NAMES, "elm", "oak")) -> dict[str, Any]:
    before = copy.deepcopy((applied, wanted))
    found: dict[str, Any] = decide_module.decide(applied, wanted, set(living))
    assert (applied, wanted) == before, "decide changes what it is given"
    return found


def calls(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Playbook, and the machine or version that it is about."""
    assert found["refused"] is None, found["refused"]
    return [(step["playbook"], step["variables"].get("node") or step["variables"]["kube_version"]) for step in found["steps"]]


def test_nothing_is_run_for_the_same_state_whoever_is_off():
    assert decide(have(), want(), living=[]) == {"steps": [], "refused": None, "drop": {}}


def test_a_first_run_installs_on_all_machines_and_says_so():
    found = decide(None, want())
    assert calls(found) == [("cluster.yml", "1.35.4")]
    assert found["steps"][0]["reason"] == "install Kubernetes 1.35.4 by v2.31.0 on leviathan, absis, nimbus"
    assert "upgrade_cluster_setup" not in found["steps"][0]["variables"]


def test_an_installation_waits_until_every_machine_answers():
    found = decide(None, want(), living=["leviathan"])
    assert not found["steps"] and "absis and nimbus do not answer" in found["refused"]


def test_changed_variables_are_brought_to_all_with_the_flags_of_members_already_there():
    (step,) = decide(have(), want(variables="other"))["steps"]
    assert (step["playbook"], step["variables"]["upgrade_cluster_setup"]) == ("cluster.yml", True)
    assert step["reason"] == "bring changed variables to all machines"


def test_changed_variables_of_one_machine_are_named():
    def label(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["variables"]["node_labels"] = {"disk": "slow"}

    (step,) = decide(have(), want(label))["steps"]
    assert step["reason"] == "bring changed variables to absis"


def test_labels_and_taints_that_are_gone_are_named_for_kubespray_only_adds():
    def label(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["variables"] |= {"node_labels": {"a": "1", "b": "2"}, "node_taints": ["x=y:NoExecute", "z:NoSchedule"]}

    def less(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["variables"] |= {"node_labels": {"b": "3"}, "node_taints": ["z=1:NoSchedule"]}

    assert decide(have(label), want(less))["drop"] == {"absis": {"labels": ["a"], "taints": ["x:NoExecute"]}}


def test_a_machine_is_added_by_a_run_over_all():
    found = decide(have(), want(add("elm", groups=["kube_node"])))
    assert calls(found) == [("cluster.yml", "1.35.4")] and found["steps"][0]["reason"] == "add elm"


def test_two_members_of_etcd_may_come_at_once():
    (step,) = decide(have(), want(add("elm", "oak")))["steps"]
    assert step["reason"] == "add elm and oak" and step["variables"]["etcd_retries"] == 10


def test_a_machine_that_does_not_answer_stops_a_change_and_is_named():
    found = decide(have(), want(variables="other"), living=["leviathan", "nimbus"])
    assert not found["steps"] and found["refused"].startswith("absis does not answer over the mesh")


def test_living_machines_are_taken_out_with_the_inventory_that_still_has_them_and_then_forgotten():
    found = decide(have(add("elm", "oak")), want())
    assert calls(found) == [("remove-node.yml", "elm,oak"), ("cluster.yml", "1.35.4")]
    removal, rest = found["steps"]
    assert "reset_nodes" not in removal["variables"] and removal["variables"]["skip_confirmation"] is True
    assert [*removal["inventory"]["all"]["hosts"]] == ["leviathan", "absis", "elm", "oak", "nimbus"]
    assert [*removal["inventory"]["all"]["children"]["etcd"]["hosts"]] == ["leviathan", "absis", "elm", "oak", "nimbus"]
    assert rest["reason"] == "make the others forget elm and oak" and rest["variables"]["upgrade_cluster_setup"]


def test_a_dead_machine_is_taken_out_without_asking_it():
    found = decide(have(add("elm", groups=["kube_node"])), want(), living=NAMES)
    said = found["steps"][0]["variables"]
    assert (said["reset_nodes"], said["allow_ungraceful_removal"], said["drain_timeout"]) == (False, True, "60s")
    assert found["steps"][0]["reason"] == "take elm out of the cluster, without asking it"


def rename(record: dict[str, Any]) -> None:
    """absis is called basis."""
    record["order"][1] = "basis"
    record["machines"]["basis"] = record["machines"].pop("absis")


@pytest.mark.parametrize(("members", "found"), [(["leviathan", "basis"], ["absis"]), (["leviathan"], []), ([], [])])
def test_a_machine_that_answers_under_another_name_is_known_by_its_address(members, found):
    assert removals.renamed(have(), want(rename), members) == found
    assert removals.renamed(have(), want(), NAMES) == []


def test_a_renamed_machine_is_asked_to_leave_before_it_comes_under_its_new_name():
    """etcd's data on it is that of a member under the old name, and would keep the new one from starting."""
    found = decide(have(), want(rename), living=["leviathan", "basis", "nimbus", "absis"])
    assert calls(found) == [("remove-node.yml", "absis"), ("cluster.yml", "1.35.4")]
    removal, rest = found["steps"]
    assert "reset_nodes" not in removal["variables"] and "absis" in removal["inventory"]["all"]["hosts"]
    assert rest["reason"] == "add basis; make the others forget absis"


def test_of_machines_that_go_each_kind_has_its_own_run():
    found = decide(have(add("elm", "oak")), want(), living=[*NAMES, "elm"])
    assert calls(found)[:2] == [("remove-node.yml", "oak"), ("remove-node.yml", "elm")], "the dead first, while the living are a majority"
    assert [step["variables"].get("reset_nodes") for step in found["steps"][:2]] == [False, None]


def test_one_machine_may_take_the_place_of_another():
    def replace(record: dict[str, Any]) -> None:
        take("absis")(record)
        add("elm", at=1)(record)

    found = decide(have(), want(replace), living=["leviathan", "nimbus", "elm"])
    assert calls(found) == [("remove-node.yml", "absis"), ("cluster.yml", "1.35.4")]
    assert found["steps"][1]["reason"] == "add elm; make the others forget absis"


def test_another_part_means_out_and_in_again():
    def worker(record: dict[str, Any]) -> None:
        for name in ("absis", "nimbus"):
            record["machines"][name]["groups"] = ["kube_node"]

    found = decide(have(), want(worker))
    assert calls(found) == [("remove-node.yml", "absis,nimbus"), ("cluster.yml", "1.35.4")]
    assert found["steps"][1]["reason"] == "put back absis and nimbus"


def test_members_of_etcd_go_one_by_one_and_workers_side_by_side():
    members = decide(have(add("elm", "oak")), want())["steps"][0]
    assert members["variables"]["node"] == "elm,oak" and members["forks"] == 1
    workers = decide(have(add("elm", "oak", groups=["kube_node"])), want())["steps"][0]
    assert workers["variables"]["node"] == "elm,oak" and "forks" not in workers
    assert "forks" not in decide(have(), want(take("absis")))["steps"][0]


def test_a_machine_that_was_installed_anew_is_taken_out_ungracefully_and_added():
    found = decide(have() | {"fresh": ["absis"]}, want())
    assert calls(found) == [("remove-node.yml", "absis"), ("cluster.yml", "1.35.4")]
    assert found["steps"][0]["variables"]["reset_nodes"] is False


@pytest.mark.parametrize(
    ("applied", "wanted", "words"),
    [
        (have() | {"fresh": ["leviathan"]}, want(), "must be recovered"),
        (have(), want(take("leviathan")), "leviathan is the first of the control plane and cannot be taken out"),
        (have(), want(add("elm", at=0)), "elm would come before leviathan"),
    ],
)
def test_the_first_of_the_control_plane_stays_the_first(applied, wanted, words):
    found = decide(applied, wanted)
    assert not found["steps"] and words in found["refused"]


def test_no_member_of_etcd_goes_when_the_others_are_no_majority():
    found = decide(have(), want(take("absis", "nimbus")), living=["leviathan"])
    assert "2 of 3 members of etcd do not answer (absis and nimbus)" in found["refused"]


def test_five_members_shrink_while_one_is_dead_wherever_the_run_breaks_off():
    applied, wanted, living = have(add("elm", "oak")), want(take("absis", "nimbus")), ["leviathan", "nimbus", "elm", "oak"]
    record = records.started(applied, wanted, WHEN)
    found = decide(record, wanted, living)
    assert calls(found) == [("remove-node.yml", "absis"), ("remove-node.yml", "nimbus,elm,oak"), ("cluster.yml", "1.35.4")]
    for number, step in enumerate(found["steps"][:2], 1):
        record = records.after(record, step, wanted, LATER)
        assert calls(decide(record, wanted, living)) == calls(found)[number:]


@pytest.mark.parametrize(
    ("living", "fresh", "words"),
    [
        (["leviathan"], [], "start 1 of absis and nimbus, with absis and nimbus in homelab:machines again, as `controlPlane: false`"),
        (["leviathan", "absis"], ["absis"], "start nimbus, with nimbus in homelab:machines again"),
        (["leviathan", "absis", "nimbus"], ["absis", "nimbus"], "too few can come back as they were: etcd must go on from a snapshot"),
    ],
)
def test_members_without_a_majority_are_told_how_to_get_one(living, fresh, words):
    found = decide(have() | {"fresh": fresh}, want(take("absis", "nimbus")), living)
    assert not found["steps"] and words in found["refused"]


def test_members_that_were_cut_off_by_going_leave_by_the_way_that_the_refusal_names():
    def worker(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["groups"] = ["kube_node"]
        take("nimbus")(record)

    found = decide(have(), want(worker), living=["leviathan", "absis"])
    assert calls(found) == [("remove-node.yml", "nimbus"), ("remove-node.yml", "absis"), ("cluster.yml", "1.35.4")]


def test_a_dead_machine_that_may_have_joined_etcd_is_taken_out_with_a_word_on_what_to_do_if_that_fails():
    alone = take("absis", "nimbus")
    record = records.started(have(alone), want(), WHEN)
    step = decide(record, want(alone), living=["leviathan"])["steps"][0]
    assert step["reason"].endswith("absis and nimbus had joined it: put back in homelab:machines and started, it lets them go")


def test_a_machine_that_was_half_added_is_not_forgotten_by_the_run_that_takes_it_out():
    record = records.started(have(), want(add("elm", "oak")), WHEN)
    record = records.started(record, want(), LATER)
    assert calls(decide(record, want())) == [("remove-node.yml", "elm,oak"), ("cluster.yml", "1.35.4")]
    record = records.after(record, decide(record, want())["steps"][0], want(), LATER)
    assert calls(decide(record, want())) == [("cluster.yml", "1.35.4")]


def test_labels_of_a_run_that_broke_off_are_taken_away_by_the_next():
    def label(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["variables"]["node_labels"] = {"a": "1"}

    due = {"absis": {"labels": ["a"], "taints": []}}
    record = records.started(have(), want(label), WHEN)
    assert decide(record, want())["drop"] == due, "they may be there already"
    record = records.started(have(label), want(), WHEN)
    record = records.after(record, decide(record, want())["steps"][0], want(), LATER)
    assert decide(record, want())["drop"] == due, "the playbooks ended, and then it broke off"


def test_a_dead_worker_goes_whatever_etcd_does():
    assert calls(decide(have(add("elm", groups=["kube_node"])), want(), living=NAMES))[0] == ("remove-node.yml", "elm")


def test_a_patch_is_an_upgrade_a_machine_at_a_time():
    (step,) = decide(have(version="1.35.2"), want())["steps"]
    assert (step["playbook"], step["variables"]) == ("upgrade-cluster.yml", {"kube_version": "1.35.4", "serial": 1})
    assert step["reason"] == "upgrade Kubernetes 1.35.2 to 1.35.4, a machine at a time"


def test_minors_are_passed_one_after_the_other_each_at_its_newest_patch():
    versions = [("upgrade-cluster.yml", version) for version in ("1.33.11", "1.34.7", "1.35.2")]
    assert calls(decide(have(version="1.32.6", kubespray="v2.30.0"), want(version="1.35.2"))) == versions


def test_an_upgrade_brings_changed_variables_along():
    assert calls(decide(have(version="1.34.3"), want(variables="other"))) == [("upgrade-cluster.yml", "1.35.4")]


def test_machines_change_at_the_old_version_and_are_upgraded_then():
    found = decide(have(version="1.34.3"), want(add("elm", "oak")))
    assert calls(found) == [("cluster.yml", "1.34.3"), ("upgrade-cluster.yml", "1.35.4")]


def test_a_newer_kubespray_alone_goes_from_machine_to_machine():
    (step,) = decide(have(kubespray="v2.30.0", version="1.34.3"), want(version="1.34.3"))["steps"]
    assert step["playbook"] == "upgrade-cluster.yml" and step["reason"].startswith("v2.30.0 to v2.31.0")


def test_changed_playbooks_of_a_folder_are_run():
    (step,) = decide(have(kubespray="folder-1", supported=None), want(kubespray="folder-2", supported=None))["steps"]
    assert step["playbook"] == "cluster.yml" and step["reason"] == "run the changed playbooks"


@pytest.mark.parametrize(
    ("applied", "wanted", "words"),
    [
        (have(), want(version="1.34.7"), "the cluster has Kubernetes 1.35.4, and 1.34.7 is older"),
        (have(version="1.31.9", kubespray="v2.30.0"), want(), "the way goes through 1.32, and v2.31.0 has none: set version to a 1.32"),
        (have(), want(version="1.36.0"), "v2.31.0 installs Kubernetes 1.33.0 to 1.35.4, not 1.36.0: use a release of Kubespray that can"),
        (None, want(version="1.32.3"), "not 1.32.3: use Kubespray v2.30.0 for it first"),
        (have(), want(kubespray="v2.30.0"), "v2.30.0 is older"),
        (have(kubespray="v2.29.1", version="1.33.7"), want(), "from v2.29.1 to v2.30.* first"),
        (have(kubespray="v2.30.0", version="1.32.11"), want(add("elm", "oak")), "add or remove machines before or after this upgrade"),
        (have(kubespray="folder-1", version="1.33.0"), want(kubespray="folder-1", supported=None), "these playbooks do not say"),
        (have(network="calico"), want(), "the pods' network plug-in is calico"),
        (have(pods="10.200.0.0/16"), want(), "no playbook can make it 10.233.64.0/18"),
        (have(encryptSecrets=True), want(), "Secrets are encrypted in etcd"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_what_to_do(applied, wanted, words):
    found = decide(applied, wanted)
    assert not found["steps"] and not found["drop"] and words in found["refused"]


def test_a_machine_that_moved_in_the_mesh_is_refused():
    def move(record: dict[str, Any]) -> None:
        record["machines"]["absis"]["variables"]["ip"] = "10.88.0.9"

    assert "etcd and certificates have absis at 10.88.0.2, not at 10.88.0.9" in decide(have(), want(move))["refused"]


def test_all_that_is_in_the_way_is_said_at_once():
    found = decide(have(encryptSecrets=True, network="calico"), want(take("leviathan"), version="1.34.0"))
    assert len(found["refused"].splitlines()) == 4


def test_an_installation_that_broke_off_goes_on():
    record = records.started(None, want(), WHEN)
    found = decide(record, want())
    assert calls(found) == [("cluster.yml", "1.35.4")] and "which broke off" in found["steps"][0]["reason"]
    assert "upgrade_cluster_setup" not in found["steps"][0]["variables"]


def test_an_installation_that_broke_off_is_ended_before_it_is_upgraded():
    record = records.started(None, want(version="1.33.4"), WHEN)
    expected = [("cluster.yml", "1.33.4"), ("upgrade-cluster.yml", "1.34.7"), ("upgrade-cluster.yml", "1.35.4")]
    assert calls(decide(record, want())) == expected


@pytest.mark.parametrize("wanted", [want(take("absis", "nimbus")), want(version="1.34.1"), want(network="calico")])
def test_an_installation_that_broke_off_is_not_turned_into_another(wanted):
    assert decide(records.started(None, want(), WHEN), wanted)["refused"]


def test_a_change_that_broke_off_goes_on_from_the_step_that_ended_well():
    wanted = want()
    record = records.started(have(version="1.33.4"), wanted, WHEN)
    first, second = decide(record, wanted)["steps"]
    record = records.after(record, first, wanted, LATER)
    assert (record["version"], record["phase"]) == ("1.34.7", "started")
    assert calls(decide(record, wanted)) == [("upgrade-cluster.yml", "1.35.4")]
    record = records.after(record, second, wanted, LATER)
    assert calls(decide(record, wanted)) == [("cluster.yml", "1.35.4")], "the last step is known as done only when the run is"
    assert calls(decide(records.done(wanted, LATER), wanted)) == []


def test_an_upgrade_that_has_begun_is_not_taken_back():
    record = records.started(have(version="1.34.3"), want(), WHEN)
    assert "an upgrade to 1.35.4 has begun, and 1.34.3 is older" in decide(record, want(version="1.34.3"))["refused"]


def test_a_change_that_was_taken_back_after_it_broke_off_is_undone_by_a_run():
    record = records.started(have(), want(variables="other"), WHEN)
    assert [step["reason"] for step in decide(record, want())["steps"]] == ["go on with what broke off"]


def test_machines_that_were_half_added_and_are_not_wanted_any_more_go():
    record = records.started(have(), want(add("elm", "oak")), WHEN)
    found = decide(record, want(), living=[*NAMES, "elm"])
    assert calls(found) == [("remove-node.yml", "oak"), ("remove-node.yml", "elm"), ("cluster.yml", "1.35.4")]
    assert {"elm", "oak"} <= {*found["steps"][0]["inventory"]["all"]["hosts"]}


def test_a_removal_is_recorded_when_it_is_done():
    applied, wanted = have(add("elm", groups=["kube_node"])), want()
    record = records.started(applied, wanted, WHEN)
    record = records.after(record, decide(record, wanted)["steps"][0], wanted, LATER)
    assert [*record["machines"]] == NAMES and record["when"] == LATER
    assert calls(decide(record, wanted)) == [("cluster.yml", "1.35.4")]


def test_the_newest_record_counts():
    old, new = have(), have(version="1.34.0") | {"when": LATER}
    assert records.newest([None, new, old]) is new and records.newest([None, {}]) is None


def test_what_playbooks_can_install_is_read_from_their_checksums():
    text = """---
crictl_checksums:
  amd64:
    1.30.1: sha256:aa
kubelet_checksums:
  arm64:
    1.35.1: sha256:aa
    1.34.10: sha256:bb
  amd64:
    1.35.1: sha256:cc
    1.34.9: sha256:dd
# renovate
kubectl_checksums:
  amd64:
    1.29.0: sha256:ee
"""
    assert records.supported(text) == {"1.34": 10, "1.35": 1} and records.supported("---\n") == {}


def test_decisions_need_nothing_but_the_standard_library():
    for name in ("decide", "records", "removals"):
        imports = [
            line.split()[1].split(".")[0]
            for line in (SCRIPTS / f"{name}.py").read_text().splitlines()
            if line.startswith(("import ", "from "))
        ]
        assert {*imports} <= {*sys.stdlib_module_names, "records", "removals"}
