"""What runs in the cluster, in the whole program."""

import json

from tests.graph import identities, nothing_runs, stack_graph

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
    graph = run(keys={**identities(), **hidden})
    secret, release = graph["releases-secrets-notes"], graph["releases-app-notes"]
    assert secret.inputs["stringData"] == {"PASSWORD": "very sensitive"} and "stringData" in secret.secrets
    assert release.inputs["values"]["secretName"] == secret.inputs["metadata"]["name"] == "notes-secrets"
    assert "HOMELAB_SECRETS_VERSION" in release.inputs["values"]["environment"] and "releases-secrets-notes" in graph.before(
        "releases-app-notes"
    )
    for name, node in graph.nodes.items():
        assert "very sensitive" not in node.plain, name
    assert "very sensitive" not in json.dumps(graph.outputs)


def test_a_removed_application_takes_no_other_with_it(run):
    graph = run(change=lambda said: said["homelab:applications"].pop("plex"))
    gone = {*stack_graph("dev").nodes} - {*graph.nodes}
    records = {f"names-record-plex.homelab.test-nimbus-{kind}" for kind in ("a", "aaaa")}
    assert gone == {"releases-app-plex", *records} and "plex" not in graph.outputs["urls"]
    assert "plex" not in graph["names-server-absis"].inputs["stdin"]


def test_without_anything_to_run_the_cluster_is_left_alone(run):
    graph = run(change=nothing_runs)
    assert graph.names("releases-*") == []
    assert {graph[name].inputs["stdin"] for name in graph.names("names-*")} == {'{"files": {}}'}
    assert (
        graph.outputs["urls"] == graph.outputs["releases"] == graph.outputs["names"] == {} and graph.outputs["certificateAuthority"] == ""
    )
    assert "/etc/homelab/hosts" not in graph.outputs["clients"]["laptop"]["files"]
    assert "dnsmasq" not in graph["fleet-absis-base"].inputs["stdin"]
