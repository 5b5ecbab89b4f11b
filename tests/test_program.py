"""The whole program: both stacks' graphs, and the laws that every resource keeps."""

import json
from pathlib import Path

import pytest

from bench.stacks import grown
from components.remote.toolbox import version
from config.backup import new_passphrase
from config.identities import PLACEHOLDER
from config.problems import Refused
from tests.graph import ADDRESS, ROOT, identities, nothing_runs, said_in, stack_graph

COMMANDS = ("command:remote:Command", "command:local:Command")
KEYS = {f"mesh-key-{name}": f"KEY of {name}" for name in ("leviathan", "absis", "nimbus")}
BACKED_UP = ("leviathan", "absis", "nimbus", "laptop")
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=["dev", "home"])
def graph(request):
    return stack_graph(request.param)


@pytest.fixture
def dev():
    return stack_graph("dev")


@pytest.mark.parametrize("stack", ["dev", "home"])
def test_a_stack_registers_exactly_the_resources_on_its_list(stack):
    names = [f"{node.type} {name}" for name, node in sorted(stack_graph(stack).nodes.items())]
    assert names == (GOLDEN / f"{stack}.resources").read_text().splitlines()


def test_every_remote_script_shares_the_fate_of_its_machine(graph):
    for name, node in graph.all("command:remote:Command").items():
        assert node.request.deletedWith and [*node.request.replace_with] == [node.request.deletedWith], name


def test_every_remote_script_waits_for_the_preflight(graph):
    for name in graph.all("command:remote:Command"):
        assert "fleet-preflight" in graph.before(name), name


def test_the_preflight_changes_nothing_before_it_but_buying(graph):
    kinds = {graph[name].type for name in graph.before("fleet-preflight") if name in graph.nodes}
    assert not kinds & {"command:remote:Command"}


def test_only_the_contact_of_an_own_machine_has_triggers(graph):
    triggered = {name for name, node in graph.all(*COMMANDS).items() if node.inputs.get("triggers")}
    assert triggered == {"fleet-leviathan-contact", "fleet-absis-contact"}


def test_no_command_uses_environment_or_previous_output(graph):
    for name, node in graph.all(*COMMANDS).items():
        assert not node.inputs.get("environment") and node.inputs["addPreviousOutputInEnv"] is False, name


def test_what_is_not_public_neither_logs_nor_shows_its_output(graph):
    for name, node in graph.all("command:remote:Command").items():
        hidden = {"stdout", "stderr"} <= {*node.request.additionalSecretOutputs}
        assert node.inputs["logging"] == "stderr" or hidden, name


def test_no_name_ends_in_a_list_index(graph):
    assert [name for name in graph.nodes if name.rsplit("-", 1)[-1] in map(str, range(20))] == []


def test_every_connection_pins_an_ed25519_host_key(graph):
    for name, node in graph.all("command:remote:Command").items():
        assert node.inputs["connection"]["hostKey"].startswith("ssh-ed25519 "), name


def test_no_private_key_stands_outside_a_secret(graph):
    private = [text for keys in identities().values() for name, text in json.loads(keys).items() if name not in ("fsid", "certificate")]
    lines = [line for text in private for line in text.splitlines() if len(line) > 30 and "KEY-----" not in line]
    for name, node in graph.nodes.items():
        plain = json.dumps({key: value for key, value in node.inputs.items() if key not in node.secrets})
        assert not [line for line in lines if line in plain], name
    # A client's own passphrase is in its bundle, which is secret as a whole.
    assert not [line for line in lines if line in json.dumps({**graph.outputs, "clients": {}})]


def test_no_key_of_a_storage_user_stands_outside_a_secret(graph):
    for name, node in graph.nodes.items():
        plain = json.dumps({key: value for key, value in node.inputs.items() if key not in node.secrets})
        assert "KEY of machine." not in plain and "KEY of mesh." not in plain, name
    assert "KEY of machine.absis" in graph["storage-mount-absis"].inputs["stdin"]


def test_no_disk_is_touched_before_every_ledger_of_every_machine_has_been_read(graph):
    ledgers = {*graph.names("storage-ledger-*")}
    assert len(ledgers) == 2
    for name in graph.names("storage-osd-*") + graph.names("storage-monitor-*"):
        assert ledgers <= graph.before(name), name


def test_a_ledger_is_read_before_anything_of_ceph_is_installed_or_made(graph):
    for name in graph.names("storage-ledger-*"):
        assert not [other for other in graph.before(name) if other.startswith("storage-")], name


def test_every_disk_is_a_resource_of_its_own_that_says_which_disk_is_taken(dev):
    disk = dev["storage-osd-lev_1"].inputs
    assert "storage/osd take virtio-lev-1 serial LEV-1 size 5GB" in disk["create"]


def test_a_disk_more_renames_no_other_and_touches_nothing_of_it(run):
    def add(said):
        said["homelab:machines"]["absis"]["disks"].insert(0, {"id": "virtio-abs-9", "serial": "ABS-9", "size": "5GB", "bay": 9})

    before, after = stack_graph("dev"), run(says=KEYS, change=add)
    disks = before.names("storage-osd-*")
    assert {*after.names("storage-osd-*")} - {*disks} == {"storage-osd-abs_9"}
    assert all(before[name].inputs["create"] == after[name].inputs["create"] for name in disks)


def test_ceph_is_made_on_the_mesh_and_judged_when_everything_is_mounted(dev):
    assert {*dev.names("mesh-probe-*")} <= dev.before("storage-monitor-nimbus")
    assert {*dev.names("storage-mount-*"), *dev.names("storage-gateway-*"), *dev.names("storage-osd-*")} <= dev.before("storage-health")


def test_without_storage_nothing_of_it_is_registered(run):
    graph = run(says=KEYS, change=lambda said: (nothing_runs(said), said.pop("homelab:storage")))
    assert graph.names("storage-*") == [] and graph.outputs["storage"] == {}
    assert "/etc/ceph/ceph.conf" not in graph.outputs["clients"]["laptop"]["files"]


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

    before, after = stack_graph("dev"), run(says=KEYS, change=renumber)
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
        plain = json.dumps({key: value for key, value in node.inputs.items() if key not in node.secrets})
        assert "KEY of the admin" not in plain, name


def test_a_laptop_asks_the_cluster_over_the_mesh(dev):
    said = dev.outputs["clients"]["laptop"]["files"]["/etc/homelab/kubeconfig"]
    assert "https://10.88.0.1:6443" in said and "192.168." not in said


def test_without_kubespray_nothing_of_a_cluster_is_registered(run):
    graph = run(says=KEYS, change=lambda said: (nothing_runs(said), said["homelab:kubernetes"].pop("kubespray")))
    assert graph.names("kubernetes-*") == [] and graph.outputs["kubeconfig"] == "" and graph.outputs["kubernetes"] == {}
    assert "/etc/homelab/kubeconfig" not in graph.outputs["clients"]["laptop"]["files"]
    assert "python3-venv" not in graph["fleet-absis-base"].inputs["stdin"]


RELEASE, OBJECTS = "kubernetes:helm.sh/v3:Release", ("core/v1:Namespace", "core/v1:Secret", "cert-manager.io/v1:ClusterIssuer")


def in_the_cluster(graph):
    return graph.all(RELEASE, *(f"kubernetes:{kind}" for kind in OBJECTS))


def test_every_release_is_named_whole_or_not_at_all_and_does_not_wait_long(graph):
    for name, node in graph.all(RELEASE).items():
        said = node.inputs
        assert said["name"] and said["namespace"] and said["atomic"] and said["cleanupOnFail"] and said["timeout"] <= 300, name
        assert said["maxHistory"] == 5 and not said.get("skipAwait"), name


def test_every_chart_has_one_version_or_is_a_folder_whose_edits_are_seen(graph):
    for name, node in graph.all(RELEASE).items():
        said = node.inputs
        if said["chart"].startswith("./"):
            assert "version" not in said and (said["values"].get("chartDigest") or said["description"].startswith("files ")), name
        else:
            assert said["version"] and ("repositoryOpts" in said) != said["chart"].startswith("oci://"), name


def test_what_is_in_the_cluster_goes_with_it_and_by_one_provider(graph):
    provider = graph["releases-cluster"]
    for name, node in in_the_cluster(graph).items():
        assert node.request.deletedWith.endswith("::kubernetes-converge") and [*node.request.replace_with] == [node.request.deletedWith], (
            name
        )
        assert node.request.provider.split("::")[-2] == "releases-cluster", name
    assert provider.type == "pulumi:providers:kubernetes" and "kubeconfig" in provider.secrets
    assert provider.inputs["clusterIdentifier"].startswith("homelab-") and provider.inputs["upsertExistingObjects"] == "true"


def test_what_a_killed_run_has_made_is_taken_over_and_a_changed_secret_is_never_away(graph):
    assert graph["releases-cluster"].inputs["enableSecretMutable"] == "true"
    for name, node in graph.all(*(f"kubernetes:{kind}" for kind in OBJECTS)).items():
        assert node.inputs["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}, name


def test_the_applications_namespace_stays_whatever_the_program_says(graph):
    kept = {name for name, node in in_the_cluster(graph).items() if node.request.retainOnDelete}
    assert kept == {"releases-namespace-applications"}


def test_nothing_is_put_into_a_namespace_before_it_is_there(graph):
    for name, node in in_the_cluster(graph).items():
        space = node.inputs.get("namespace") or node.inputs["metadata"].get("namespace")
        assert space in (None, "kube-system") or f"releases-namespace-{space}" in graph.before(name), name


def test_an_application_waits_for_its_entrances_its_issuer_and_its_volumes(dev):
    before = dev.before("releases-app-home-assistant")
    assert {"releases-ingress-public", "releases-ingress-home", "releases-issuer-private", "releases-certificates"} <= before
    assert {"releases-files", "releases-files-key", "storage-pools"} <= before
    assert "releases-ingress-public" not in dev.before("releases-app-notes") and "releases-files" not in dev.before("releases-app-plex")


def test_issuers_wait_for_what_understands_them_and_for_the_authority_s_key(graph):
    for name in graph.names("releases-issuer-*"):
        assert {"releases-certificates", "releases-authority"} <= graph.before(name), name


def test_secrets_of_the_cluster_are_secrets_of_the_state_too(graph):
    secrets = graph.all("kubernetes:core/v1:Secret")
    assert len(secrets) >= 2
    for name, node in secrets.items():
        assert "stringData" in node.secrets and {"data", "stringData"} <= {*node.request.additionalSecretOutputs}, name


def test_volumes_are_made_by_a_user_that_may_do_no_more(dev):
    said = dev["releases-files-key"].inputs
    assert said["stringData"] == {"userID": "kubernetes-filesystem", "userKey": "KEY of kubernetes-filesystem"}
    assert (said["metadata"]["name"], said["metadata"]["namespace"]) == ("csi-cephfs-secret", "volumes-files")


def test_the_authority_signs_in_cert_manager_s_namespace_and_its_certificate_is_an_output(graph):
    said = graph["releases-authority"].inputs
    assert said["type"] == "kubernetes.io/tls" and said["metadata"]["namespace"] == "cert-manager"
    assert said["stringData"]["tls.crt"] == graph.outputs["certificateAuthority"] and "CERTIFICATE" in graph.outputs["certificateAuthority"]
    assert "PRIVATE KEY" in said["stringData"]["tls.key"] and "PRIVATE KEY" not in json.dumps(graph.outputs["certificateAuthority"])


def test_an_application_s_secret_is_apart_and_its_change_makes_the_pod_anew(run):
    hidden = {"homelab:applicationSecrets": json.dumps({"notes": {"PASSWORD": "very sensitive"}})}
    graph = run(says=KEYS, keys={**identities(), **hidden})
    secret, release = graph["releases-secrets-notes"], graph["releases-app-notes"]
    assert secret.inputs["stringData"] == {"PASSWORD": "very sensitive"} and "stringData" in secret.secrets
    assert release.inputs["values"]["secretName"] == secret.inputs["metadata"]["name"] == "notes-secrets"
    assert "HOMELAB_SECRETS_VERSION" in release.inputs["values"]["environment"] and "releases-secrets-notes" in graph.before(
        "releases-app-notes"
    )
    for name, node in graph.nodes.items():
        assert "very sensitive" not in json.dumps({key: value for key, value in node.inputs.items() if key not in node.secrets}), name
    assert "very sensitive" not in json.dumps(graph.outputs)


def test_a_removed_application_takes_no_other_with_it(run):
    graph = run(says=KEYS, change=lambda said: said["homelab:applications"].pop("plex"))
    gone = {*stack_graph("dev").nodes} - {*graph.nodes}
    records = {f"names-record-plex.homelab.test-nimbus-{kind}" for kind in ("a", "aaaa")}
    assert gone == {"releases-app-plex", *records} and "plex" not in graph.outputs["urls"]
    assert "plex" not in graph["names-server-absis"].inputs["stdin"]


def test_the_outputs_say_where_everything_is_reached(dev):
    assert dev.outputs["urls"]["plex"] == {"url": "https://plex.homelab.test/", "from": "everywhere", "signedBy": "private"}
    assert dev.outputs["urls"]["notes"]["from"] == "LAN and mesh"
    assert {"name": "plex.homelab.test", "type": "A", "address": ADDRESS, "made": True} in dev.outputs["names"]["records"]
    assert dev.outputs["releases"]["app-plex"] == {"release": "applications/plex", "chart": "charts/plex"}


def test_own_machines_answer_for_names(graph):
    assert graph.names("names-server-*") == ["names-server-absis", "names-server-leviathan"]


def test_no_remote_script_asks_a_system_to_undo_anything(graph):
    """After a new installation the engine asked the old system, which was not there, and the run failed."""
    assert [name for name, node in graph.all("command:remote:Command").items() if node.inputs.get("delete")] == []


def test_a_laptop_finds_applications_over_the_mesh(dev):
    said = dev.outputs["clients"]["laptop"]["files"]["/etc/homelab/hosts"]
    assert "10.88.0.1 home-assistant.homelab.test notes.homelab.test plex.homelab.test" in said and ADDRESS not in said


def test_at_vultr_every_public_name_is_a_record_of_each_kind_of_address(dev):
    zone = dev["names-zone"]
    assert zone.inputs["domain"] == "homelab.test" and not zone.request.protect
    records = {name: node.inputs for name, node in dev.all("vultr:index/dnsRecord:DnsRecord").items()}
    assert {(one["name"], one["type"]) for one in records.values()} == {
        (name, kind) for name in ("plex", "home-assistant") for kind in ("A", "AAAA")
    }
    assert records["names-record-plex.homelab.test-nimbus-a"]["data"] == ADDRESS
    assert all("names-zone" in dev.before(name) for name in records)


def test_a_zone_that_exists_is_left_as_it_is(run):
    def publish(said):
        said["homelab:names"]["zone"] = "existing"

    graph = run(says=KEYS, change=publish)
    assert "names-zone" not in graph.nodes and graph.all("vultr:index/dnsRecord:DnsRecord")


def test_without_anything_to_run_the_cluster_is_left_alone(run):
    graph = run(says=KEYS, change=nothing_runs)
    assert graph.names("releases-*") == []
    assert {graph[name].inputs["stdin"] for name in graph.names("names-*")} == {'{"files": {}}'}
    assert (
        graph.outputs["urls"] == graph.outputs["releases"] == graph.outputs["names"] == {} and graph.outputs["certificateAuthority"] == ""
    )
    assert "/etc/homelab/hosts" not in graph.outputs["clients"]["laptop"]["files"]
    assert "dnsmasq" not in graph["fleet-absis-base"].inputs["stdin"]


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
    before, after = stack_graph("dev"), run(says={**KEYS, "storage-pools": json.dumps(keys)})
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
        plain = json.dumps({key: value for key, value in node.inputs.items() if key not in node.secrets})
        assert "BORG_KEY" not in plain, name


def ended(graph):
    """The steps of backups that take away what was set up before."""
    return {name for name in graph.names("backup-*") if graph[name].inputs.get("stdin") == "{}"}


def test_without_a_schedule_every_machine_ends_what_backups_it_had_and_nothing_else_is_done(run):
    graph = run(says=KEYS, change=lambda said: said.pop("homelab:backup"))
    own = {f"backup-{act}-{name}" for act in ("setup", "keeper", "snapshots") for name in ("leviathan", "absis")}
    # The runner can still put back a copy of etcd that is there.
    assert ended(graph) == {*own, "backup-setup-nimbus"} - {"backup-snapshots-leviathan"}
    assert {*graph.names("backup-*")} == {*ended(graph), "backup-snapshots-leviathan"}
    assert not json.loads(graph["backup-snapshots-leviathan"].inputs["stdin"])["member"]
    assert graph.outputs["backup"] == {} and graph.outputs["backupKeys"] == {}
    assert "/etc/homelab/backup/backup.json" not in graph.outputs["clients"]["laptop"]["files"]


def test_a_machine_that_is_not_backed_up_any_more_is_told_and_goes_on_keeping(run):
    graph = run(says=KEYS, change=lambda said: said["homelab:backup"].update(machines=["absis", "nimbus"]))
    assert ended(graph) == {"backup-setup-leviathan"} and ended(stack_graph("dev")) == set()
    assert "leviathan" in json.loads(graph["backup-keeper-leviathan"].inputs["stdin"])["retired"]


def test_a_home_machine_that_leaves_the_control_plane_ends_its_copies_of_etcd(run):
    def change(said):
        for name in ("absis", "nimbus"):
            said["homelab:machines"][name]["controlPlane"] = False

    graph = run(says=KEYS, change=change)
    assert ended(graph) == {"backup-snapshots-absis"} and graph.names("backup-*") == stack_graph("dev").names("backup-*")


def test_a_laptop_gets_the_key_of_its_own_user_only(dev):
    files = dev.outputs["clients"]["laptop"]["files"]
    assert json.loads(files["/etc/homelab/storage.json"])["mounts"] == {"/media": "/srv/archive/media"}
    assert "KEY of mesh.laptop" in files["/etc/ceph/ceph.client.mesh.laptop.keyring"]
    assert "/usr/local/lib/homelab/storage/mount" in files and "KEY of machine" not in json.dumps(files)


def test_a_member_joins_with_the_keys_of_all_and_the_live_address_of_the_rented(dev):
    joined = dev["mesh-join-absis"].inputs["stdin"]
    assert "KEY of leviathan" in joined and "KEY of nimbus" in joined and f"Address = {ADDRESS}" in joined


def test_paths_are_proven_only_after_every_member_has_joined(dev):
    assert {"mesh-join-leviathan", "mesh-join-absis", "mesh-join-nimbus"} <= dev.before("mesh-probe-leviathan")


def test_dependencies_grow_with_the_machines_and_not_with_their_square(run):
    def edges(machines):
        names = [f"machine-{number:03d}" for number in range(machines)]
        known = {**identities(), "homelab:backupPassphrases": json.dumps({name: new_passphrase() for name in [*BACKED_UP, *names]})}
        graph = run(says=KEYS, change=lambda said: said.update(grown({"config": said}, machines)["config"]), keys=known)
        return sum(len(node.request.dependencies) for node in graph.nodes.values())

    five, ten, fifteen = map(edges, (5, 10, 15))
    assert fifteen - ten == ten - five


def test_the_scripts_themselves_do_not_pass_through_the_engine(dev):
    inputs = dev["fleet-absis-toolbox"].inputs
    assert len(inputs["stdin"]) < 500 and json.loads(inputs["stdin"])["toolbox"] == version()
    request = dev["fleet-absis-toolbox"].request
    assert request.deletedWith and [*request.replace_with] == [request.deletedWith]


def test_a_machine_is_equipped_only_after_its_firewall_and_base(dev):
    assert {"fleet-absis-toolbox", "fleet-absis-base", "fleet-absis-host-firewall"} <= dev.before("mesh-key-absis")


def test_the_firewall_group_opens_exactly_five_ports_to_both_families(graph):
    rules = {
        (rule.inputs["protocol"], rule.inputs["port"], rule.inputs["ipType"], rule.inputs["subnet"], rule.inputs["subnetSize"])
        for rule in graph.all("vultr:index/firewallRule:FirewallRule").values()
    }
    ports = [("tcp", "22"), ("tcp", "655"), ("udp", "655"), ("tcp", "80"), ("tcp", "443")]
    assert rules == {(*port, family, any_, 0) for port in ports for family, any_ in (("v4", "0.0.0.0"), ("v6", "::"))}


def test_a_server_is_never_replaced_for_a_key_or_user_data_and_never_open_before_its_rules(graph):
    request = graph["fleet-nimbus-server"].request
    assert {*request.ignoreChanges} == {"sshKeyIds", "userData", "reservedIpId"} and request.deleteBeforeReplace
    assert {*graph.names("fleet-nimbus-rule-*")} <= graph.before("fleet-nimbus-server")
    assert len(graph.names("fleet-nimbus-rule-*")) == 10


def test_a_server_is_asked_for_at_vultr_before_it_is_bought(graph):
    assert [*graph["fleet-nimbus-server"].request.hooks.before_create] == ["fleet-nimbus-second"]


def test_a_rented_machine_is_protected_unless_the_stack_says_otherwise(dev):
    assert not dev["fleet-nimbus-server"].request.protect
    home = stack_graph("home")
    assert home["fleet-nimbus-server"].request.protect and home["fleet-nimbus-address"].request.protect


def test_user_data_is_secret_and_plants_the_pinned_host_key(dev):
    server = dev["fleet-nimbus-server"]
    assert "userData" in server.secrets
    assert dev["mesh-key-nimbus"].inputs["connection"]["hostKey"] in server.inputs["userData"]


def test_a_client_gets_its_bundle_as_a_stack_output(dev):
    files = dev.outputs["clients"]["laptop"]["files"]
    assert "/usr/local/lib/homelab/mesh/join" in files and "ConnectTo = nimbus" in files["/etc/homelab/mesh.json"]


def test_a_removed_client_is_no_longer_known_to_any_member(run):
    def remove(said):
        del said["homelab:mesh"]["clients"]["laptop"], said["homelab:backup"]["clients"]

    graph = run(says=KEYS, change=remove)
    assert not [name for name in graph.names("mesh-join-*") if "laptop" in graph[name].inputs["stdin"]]


def test_problems_of_meaning_stop_the_program_before_anything_is_registered(run):
    def collide(said):
        said["homelab:mesh"]["addresses"]["absis"] = said["homelab:mesh"]["addresses"]["leviathan"]

    with pytest.raises(Refused, match="absis"):
        run(change=collide)


def test_an_update_without_identities_is_refused_with_the_command_that_makes_them(run):
    with pytest.raises(Refused, match="make init STACK=home"):
        run(stack="home", keys={})


def test_the_graph_is_read_in_an_evening():
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 60


def test_the_placeholder_can_be_no_key():
    assert " " in PLACEHOLDER and "homelab:mesh" in said_in("home")
