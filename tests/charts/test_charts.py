"""Our own charts as helm renders them: one rule a test. Needs the rehearsal's helm, and no cluster."""

import re
import shutil
from typing import Any

import pytest
import yaml

from tests.charts.rendering import CHARTS, GOLDEN, LEAST, NAMES, SERVED, golden, one, render, run

pytestmark = pytest.mark.engine
ROOTS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
FOLDER = {"mountPath": "/data", "path": "/srv/archive/apps/app"}
DEVICES = {"devices": ["/dev/dri", "/dev/ttyUSB0"]}


def pod(chart: str = "application", **values: Any) -> dict[str, Any]:
    spec: dict[str, Any] = one(render(chart, values), "Deployment")["spec"]["template"]["spec"]
    return spec


def app(chart: str = "application", **values: Any) -> dict[str, Any]:
    [container] = pod(chart, **values)["containers"]
    return container


def volumes(chart: str = "application", **values: Any) -> dict[str, Any]:
    return {each["name"]: each for each in pod(chart, **values).get("volumes", [])}


def variables(chart: str = "application", **values: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in app(chart, **values).get("env", [])}


def claim(storage_class: str = "files", **more: Any) -> dict[str, Any]:
    return {"data": {"mountPath": "/data", "claim": {"storageClass": storage_class, "size": "1Gi"}}, **more}


@pytest.mark.parametrize("chart", NAMES)
def test_helm_s_own_linter_has_nothing_to_say(chart):
    done = run("lint", "--strict", "--quiet", str(CHARTS / chart), values=LEAST.get(chart))
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_becomes_exactly_these_objects(chart):
    assert [*yaml.safe_load_all(golden(chart))] == [*yaml.safe_load_all((GOLDEN / f"{chart}.yaml").read_text())]


def test_a_version_with_build_metadata_makes_labels_that_are_taken(tmp_path):
    copy = shutil.copytree(CHARTS / "plex", tmp_path / "plex")  # with what its links lead to
    written = copy / "Chart.yaml"
    written.write_text(re.sub(r"(?m)^version: (.*)$", r"version: \1+edited", written.read_text()))
    labels = [label for one in render(str(copy)) for label in one["metadata"]["labels"].values()]
    assert any(label.endswith("_edited") for label in labels)
    assert [label for label in labels if not re.fullmatch(r"([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?", label)] == []


@pytest.mark.parametrize("chart", NAMES)
def test_there_is_one_writer_at_a_time(chart):
    spec = one(render(chart), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("chart", NAMES)
def test_a_pod_leaves_a_lost_machine_within_the_minute(chart):
    assert {(each["key"], each["effect"], each["tolerationSeconds"]) for each in pod(chart)["tolerations"]} == {
        ("node.kubernetes.io/not-ready", "NoExecute", 30),
        ("node.kubernetes.io/unreachable", "NoExecute", 30),
    }


@pytest.mark.parametrize("chart", NAMES)
def test_no_container_gets_more_rights_than_it_starts_with(chart):
    objects = render(chart, {"data": FOLDER, **SERVED, "hosts": ["a.example.net"]})
    specs = [one(objects, "Pod")["spec"], one(objects, "Deployment")["spec"]["template"]["spec"]]
    for spec in specs:
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} and spec["automountServiceAccountToken"] is False
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            rights = container["securityContext"]
            assert rights["capabilities"]["drop"] == ["ALL"] and rights["allowPrivilegeEscalation"] is False
            assert "privileged" not in rights


@pytest.mark.parametrize("chart", NAMES)
def test_a_container_is_privileged_where_a_device_is_asked_for_and_only_there(chart):
    assert app(chart, **DEVICES)["securityContext"]["privileged"] is True
    assert "privileged" not in app(chart)["securityContext"]


def test_a_device_is_given_to_root_unless_a_user_is_named():
    assert "runAsUser" not in pod(**DEVICES)["securityContext"]
    assert pod(**DEVICES, runAsUser=1001)["securityContext"]["runAsUser"] == 1001


def test_an_application_is_not_root_and_writes_only_where_it_may():
    assert pod()["securityContext"] | {"sysctls": None} == {
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "sysctls": None,
    }
    found = app()
    assert found["securityContext"]["readOnlyRootFilesystem"] is True and "add" not in found["securityContext"]["capabilities"]
    assert [each["mountPath"] for each in found["volumeMounts"]] == ["/tmp"]


@pytest.mark.parametrize("chart", ["plex", "home-assistant"])
def test_an_image_that_insists_on_root_keeps_what_its_init_needs(chart):
    assert pod(chart)["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert app(chart)["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ROOTS}


@pytest.mark.parametrize("chart", NAMES)
def test_root_is_a_matter_of_values(chart):
    assert pod(chart, runAsUser=0)["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert app(chart, runAsUser=0)["securityContext"]["capabilities"]["add"] == ROOTS
    found = pod(chart, runAsUser=568, fsGroup=100)
    assert [found["securityContext"][name] for name in ("runAsNonRoot", "runAsUser", "fsGroup")] == [True, 568, 100]
    assert "add" not in found["containers"][0]["securityContext"]["capabilities"]


def test_a_low_port_needs_no_root_where_the_network_is_the_pod_s_own():
    wanted = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert pod(port=80)["securityContext"]["sysctls"] == wanted
    for other in (pod(port=8080), pod(port=80, hostNetwork=True), pod(port=80, runAsUser=0)):
        assert "sysctls" not in other["securityContext"]


def test_folders_of_a_machine_are_never_made_where_the_file_system_is_not_mounted():
    """CephFS leaves an immutable folder behind, in which `Directory` finds nothing and `DirectoryOrCreate` creates nothing."""
    mounts = [{"name": "media", "path": "/srv/archive/media", "mountPath": "/media"}]
    found = volumes(data=FOLDER, mounts=mounts)
    assert found["data"]["hostPath"] == {"path": FOLDER["path"], "type": "DirectoryOrCreate"}
    assert found["mount-media"]["hostPath"] == {"path": "/srv/archive/media", "type": "Directory"}


def test_no_mount_is_held_by_a_sub_path():
    assert not [each for each in app(data=FOLDER)["volumeMounts"] if "subPath" in each]


def test_further_folders_are_read_only_unless_it_is_said():
    mounts = [{"name": "a", "path": "/a", "mountPath": "/a"}, {"name": "b", "path": "/b", "mountPath": "/b", "readOnly": False}]
    found = {each["mountPath"]: each.get("readOnly") for each in app(mounts=mounts)["volumeMounts"]}
    assert found == {"/a": True, "/b": False, "/tmp": None}


def test_a_device_that_is_not_there_keeps_the_pod_from_starting():
    found = volumes(devices=["/dev/dri", "/dev/serial/by-id/usb-stick"])
    assert [each["hostPath"]["type"] for name, each in found.items() if name.startswith("device")] == ["Directory", "CharDevice"]


def test_a_folder_is_handed_over_to_a_user_who_is_not_root():
    [owner] = pod(data=FOLDER, runAsUser=1234)["initContainers"]
    assert "chown -R 1234:1234 /data" in owner["args"][0] and owner["securityContext"]["runAsUser"] == 0
    assert owner["securityContext"]["capabilities"]["add"] == ["CHOWN", "DAC_READ_SEARCH"]
    assert owner["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]


@pytest.mark.parametrize("values", [{"data": FOLDER, "runAsUser": 0}, {}, claim()])
def test_nothing_else_has_to_be_handed_over(values):
    assert "initContainers" not in pod(**values)


@pytest.mark.parametrize(("storage_class", "mode"), [("files", "ReadWriteMany"), ("block", "ReadWriteOnce"), ("other", "ReadWriteOnce")])
def test_a_claim_outlives_its_release(storage_class, mode):
    found = one(render("application", claim(storage_class)), "PersistentVolumeClaim")
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert found["spec"] == {"accessModes": [mode], "storageClassName": storage_class, "resources": {"requests": {"storage": "1Gi"}}}
    assert volumes(**claim(storage_class))["data"]["persistentVolumeClaim"] == {"claimName": found["metadata"]["name"]}


def test_only_a_claim_outlives_its_release():
    objects = render("application", {**claim(), **SERVED, "hosts": ["a.example.net"]})
    kept = [each["kind"] for each in objects if "helm.sh/resource-policy" in each["metadata"].get("annotations", {})]
    assert kept == ["PersistentVolumeClaim"]


def test_without_path_or_claim_data_go_with_the_pod():
    assert volumes("plex")["data"] == {"name": "data", "emptyDir": {}}
    assert not [each for each in render("plex") if each["kind"] == "PersistentVolumeClaim"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({**FOLDER, "claim": {"storageClass": "files", "size": "1Gi"}}, "data has both a path and a claim"),
        ({"path": "/srv/archive/apps/app"}, "data.mountPath is missing"),
    ],
)
def test_data_that_contradict_themselves_are_refused(data, words):
    done = run("template", "app", str(CHARTS / "application"), values={**LEAST["application"], "data": data})
    assert done.returncode != 0 and words in done.stderr


def test_every_class_gets_an_ingress_and_all_show_one_certificate():
    objects = render("application", {**SERVED, "hosts": ["a.example.net", "b.example.net"]})
    found = {each["spec"]["ingressClassName"]: each for each in objects if each["kind"] == "Ingress"}
    assert {name: each["metadata"]["name"] for name, each in found.items()} == {"public": "app-public", "home": "app-home"}
    for each in found.values():
        assert each["spec"]["tls"] == [{"hosts": ["a.example.net", "b.example.net"], "secretName": "app-tls"}]
        assert [rule["host"] for rule in each["spec"]["rules"]] == ["a.example.net", "b.example.net"]


def test_without_anybody_who_signs_it_is_plain_http():
    plain = {"hosts": ["plex.example.net"], "ingress": {"classes": ["home"]}}
    assert "tls" not in one(render("plex", plain), "Ingress")["spec"]
    assert variables("plex", **plain)["ADVERTISE_IP"] == "http://plex.example.net:80"
    own = {"hosts": ["a.example.net"], "ingress": {"classes": ["home"], "secretName": "mine"}}
    assert one(render("application", own), "Ingress")["spec"]["tls"][0]["secretName"] == "mine"


def test_the_certificate_is_asked_for_once():
    objects = render("application", {**SERVED, "hosts": ["a.example.net"]})
    asked = {each["metadata"]["name"] for each in objects if "cert-manager.io/cluster-issuer" in each["metadata"].get("annotations", {})}
    assert asked == {"app-public"}


def test_an_acme_server_is_answered_by_the_ingress_that_asks():
    """A second Ingress for the host, which cert-manager makes by itself, loses against the first at this ingress."""
    said = one(render("application", {**SERVED, "hosts": ["a.example.net"]}), "Ingress", "app-public")["metadata"]["annotations"]
    assert said["acme.cert-manager.io/http01-edit-in-place"] == "true"


def test_web_sockets_and_large_uploads_pass_the_ingress():
    said = one(render("application", {**SERVED, "hosts": ["a.example.net"]}), "Ingress", "app-home")["metadata"]["annotations"]
    assert (said["nginx.org/websocket-services"], said["nginx.org/client-max-body-size"]) == ("app", "0")


@pytest.mark.parametrize("chart", NAMES)
def test_an_application_that_no_class_serves_has_no_ingress(chart):
    assert {each["kind"] for each in render(chart, {"hosts": ["a.example.net"]})} == {"Deployment", "Service", "Pod"}


@pytest.mark.parametrize("chart", NAMES)
def test_the_service_finds_the_application_and_not_its_test(chart):
    objects = render(chart)
    service = one(objects, "Service")["spec"]
    wanted = service["selector"].items()
    assert wanted <= one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert not wanted <= one(objects, "Pod")["metadata"]["labels"].items()
    assert service["type"] == "ClusterIP"


def test_an_application_may_get_another_kind():
    """Selectors cannot be changed on what exists."""
    assert len({str(one(render(chart), "Deployment")["spec"]["selector"]) for chart in NAMES}) == 1


@pytest.mark.parametrize(("chart", "port", "path"), [("application", 80, "/"), ("plex", 32400, "/identity"), ("home-assistant", 8123, "/")])
def test_a_program_is_asked_where_it_answers_without_signing_in(chart, port, path):
    found = app(chart)
    assert found["ports"] == [{"name": "http", "containerPort": port, "protocol": "TCP"}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert found[probe]["httpGet"] == {"path": path, "port": "http"}


def test_a_slow_first_start_is_waited_for():
    probe = app()["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def test_without_a_page_to_ask_for_the_open_port_has_to_do():
    objects = render("application", {"probe": ""})
    [container] = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}
    [test] = one(objects, "Pod")["spec"]["containers"]
    assert test["command"][2:] == ["nc", "-w", "5", "app.applications.svc", "80", "-e", "true"]


@pytest.mark.parametrize("chart", NAMES)
def test_helm_test_asks_the_service(chart):
    test = one(render(chart), "Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [container] = test["spec"]["containers"]
    assert container["command"][2] == "wget" and container["command"][-1].startswith("http://app.applications.svc:")


def test_variables_are_text_as_they_were_written():
    found = variables(environment={"A": 1000000, "B": 0.5, "C": False, "D": "", "E": "x: y"})
    assert found == {"A": "1000000", "B": "0.5", "C": "false", "D": "", "E": "x: y"}


def test_plex_knows_where_it_is_found_unless_it_is_told():
    served = {**SERVED, "hosts": ["plex.example.net"]}
    assert variables("plex", **served)["ADVERTISE_IP"] == "https://plex.example.net:443"
    assert variables("plex", **served, environment={"ADVERTISE_IP": ""})["ADVERTISE_IP"] == ""
    assert "ADVERTISE_IP" not in variables("plex", hosts=["plex.example.net"])


def test_secrets_come_from_a_secret():
    assert app(secretName="app-secrets")["envFrom"] == [{"secretRef": {"name": "app-secrets"}}]


def test_the_machine_s_own_network_keeps_the_cluster_s_names():
    found = pod(hostNetwork=True)
    assert (found["hostNetwork"], found["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert "hostNetwork" not in pod()


def test_one_machine_may_be_named():
    assert pod(node="absis")["nodeSelector"] == {"kubernetes.io/hostname": "absis"}
    assert "nodeSelector" not in pod()


def test_an_image_may_be_held_to_its_content():
    image = {"repository": "docker.io/library/nginx", "tag": "1.29.0", "digest": "sha256:" + "0" * 64}
    assert app(image=image)["image"] == "docker.io/library/nginx:1.29.0@sha256:" + "0" * 64


def test_an_edited_chart_is_another_release_and_restarts_nothing_by_itself():
    before, after = (one(render("application", {"chartDigest": digest}), "Deployment") for digest in ("a", "b"))
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert before["spec"] == after["spec"]


@pytest.mark.parametrize("chart", NAMES)
def test_helm_itself_refuses_what_the_schema_refuses(chart):
    values = {**LEAST.get(chart, {}), "imgae": {}}
    done = run("template", "app", str(CHARTS / chart), values=values)
    assert done.returncode != 0 and "imgae" in done.stderr
