"""Backups in the whole program: what waits for what, and who gets which passphrase."""

import json

from tests.graph import identities, stack_graph


def test_repositories_are_made_when_storage_is_healthy_and_every_home_machine_takes_backups_in(graph):
    before = graph.before("backup-repositories")
    assert {"storage-health", "backup-keeper-leviathan", "backup-keeper-absis", "backup-key-nimbus"} <= before
    for name in graph.names("backup-setup-*"):
        assert "backup-repositories" in graph.before(name), name
    for name in graph.names("backup-snapshots-*"):
        assert "kubernetes-converge" in graph.before(name), name


def test_repositories_are_made_anew_when_the_storage_is_another(run):
    keys = {
        "users": {name: f"another KEY of {name}" for name in ("backups", "machine.absis", "machine.leviathan", "mesh.laptop")},
        "object": {},
    }
    keys["users"] |= {"kubernetes-filesystem": "x", "kubernetes-block": "x"}
    before, after = stack_graph("dev"), run(says={"storage-pools": json.dumps(keys)})
    assert before["backup-repositories"].inputs["stdin"] != after["backup-repositories"].inputs["stdin"]
    assert "KEY of backups" not in before["backup-repositories"].inputs["stdin"]


def test_borg_is_installed_while_the_storage_is_still_made(graph):
    for name in graph.names("backup-packages-*") + graph.names("backup-key-*") + graph.names("backup-keeper-*"):
        assert not [other for other in graph.before(name) if other.startswith(("storage-", "mesh-", "kubernetes-"))], name


def test_a_home_machine_knows_the_key_of_everybody_who_comes_by_ssh_and_from_where(dev):
    keys = json.loads(dev["backup-keeper-absis"].inputs["stdin"])["keys"]
    assert keys["nimbus"] == {"key": "ssh-ed25519 KEYOFnimbus", "from": "10.88.0.3"}
    assert keys["laptop"]["from"] == "10.88.0.50" and keys["laptop"]["key"].startswith("ssh-ed25519 AAAA") and len(keys) == 2


def test_a_passphrase_goes_to_its_own_machine_and_to_home_machines_and_never_in_plain(dev):
    phrases = json.loads(identities()["homelab:backupPassphrases"])
    there = {
        name: [whose for whose, phrase in phrases.items() if phrase in str(node.inputs.get("stdin"))] for name, node in dev.nodes.items()
    }
    assert there["backup-setup-nimbus"] == ["nimbus"] and there["backup-setup-absis"] == ["absis"]
    assert {name for name, whose in there.items() if len(whose) > 1} == {
        "backup-keeper-absis",
        "backup-keeper-leviathan",
        "backup-repositories",
    }
    assert all("stdin" in dev[name].secrets for name, whose in there.items() if whose)


def test_a_laptop_that_is_backed_up_gets_its_own_passphrase_and_nobody_else_s(dev):
    phrases, files = json.loads(identities()["homelab:backupPassphrases"]), dev.outputs["clients"]["laptop"]["files"]
    said = json.loads(files["/etc/homelab/backup/backup.json"])
    assert said["passphrase"] == phrases["laptop"] and "/usr/local/lib/homelab/backup/run" in files
    assert {entry["address"] for entry in said["entries"]} == {"10.88.0.1", "10.88.0.2"}
    assert not [whose for whose, phrase in phrases.items() if whose != "laptop" and phrase in json.dumps(files)]


def test_exported_keys_are_an_output_that_is_secret(dev):
    assert dev.outputs["backupKeys"]["nimbus"] == "BORG_KEY of nimbus"
    assert {"stdout", "stderr"} <= {*dev["backup-repositories"].request.additionalSecretOutputs}
    for name, node in dev.nodes.items():
        assert "BORG_KEY" not in node.plain, name


def ended(graph):
    """The steps of backups that take away what was set up before."""
    return {name for name in graph.names("backup-*") if graph[name].inputs.get("stdin") == "{}"}


def test_without_a_schedule_every_machine_ends_what_backups_it_had_and_nothing_else_is_done(run):
    graph = run(change=lambda said: said.pop("homelab:backup"))
    own = {f"backup-{act}-{name}" for act in ("setup", "keeper", "snapshots") for name in ("leviathan", "absis")}
    # The runner can still put back a copy of etcd that is there.
    assert ended(graph) == {*own, "backup-setup-nimbus"} - {"backup-snapshots-leviathan"}
    assert {*graph.names("backup-*")} == {*ended(graph), "backup-snapshots-leviathan"}
    assert not json.loads(graph["backup-snapshots-leviathan"].inputs["stdin"])["member"]
    assert graph.outputs["backup"] == {} and graph.outputs["backupKeys"] == {}
    assert "/etc/homelab/backup/backup.json" not in graph.outputs["clients"]["laptop"]["files"]


def test_a_machine_that_is_not_backed_up_any_more_is_told_and_goes_on_keeping(run):
    graph = run(change=lambda said: said["homelab:backup"].update(machines=["absis", "nimbus"]))
    assert ended(graph) == {"backup-setup-leviathan"} and ended(stack_graph("dev")) == set()
    assert "leviathan" in json.loads(graph["backup-keeper-leviathan"].inputs["stdin"])["retired"]


def test_a_home_machine_that_leaves_the_control_plane_ends_its_copies_of_etcd(run):
    def change(said):
        for name in ("absis", "nimbus"):
            said["homelab:machines"][name]["controlPlane"] = False

    graph = run(change=change)
    assert ended(graph) == {"backup-snapshots-absis"} and graph.names("backup-*") == stack_graph("dev").names("backup-*")
