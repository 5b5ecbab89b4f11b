"""What runs in the cluster: pages over TLS from every side, their data, their names, releases that stay as they are. In this order."""

import re
import struct
from typing import Any

import pytest

from tests.rehearsal.lab import web
from tests.rehearsal.lab.cluster import HOMES, MOUNT
from tests.rehearsal.lab.kube import Kube, eventually
from tests.rehearsal.lab.lab import MESH, Lab
from tests.rehearsal.lab.web import DOMAIN, SIDES, SPACE, Side, Web

pytestmark = pytest.mark.rehearsal
PUBLIC, PRIVATE = ("plex", "home-assistant"), "notes"
KEEPING = {"plex": "path", "home-assistant": "claim"}
"""Application -> how it keeps its data."""

LOOK_UP = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(5)
    asking.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 53))
    print(asking.recv(4096).hex())
"""


@pytest.fixture(scope="module")
def pages(lab: Lab) -> Web:
    return Web(lab)


@pytest.fixture(scope="module")
def desk(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Kube:
    return Kube(lab, tmp_path_factory.mktemp("desk"))


def test_the_first_up_ends_with_a_table_of_urls_that_answer_from_every_side(made: str) -> None:
    rows = {words[0]: words[1:] for line in made.splitlines() if len(words := line.split()) == 5 and "https://" in words[1]}
    answers = {app: ["200", "200", "200"] for app in PUBLIC} | {PRIVATE: ["-", "200", "200"]}
    assert rows == {app: [f"https://{app}.{DOMAIN}/", *said] for app, said in answers.items()}, made[-3000:]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("app", PUBLIC)
def test_a_public_page_answers_over_tls_at_every_machine_of_each_side(pages: Web, app: str, side: Side) -> None:
    for door in pages.doors[side]:
        assert f"<h1>{app}</h1>" in pages.reached(side, app, door=door)


def test_a_page_that_is_not_public_answers_at_home_and_on_the_mesh_only(pages: Web) -> None:
    for side in ("lan", "mesh"):
        assert f"<h1>{PRIVATE}</h1>" in pages.reached(side, PRIVATE)
    refused = pages.ask("internet", PRIVATE)
    assert refused.status == 0 and "certificate verify failed" in refused.text, refused
    assert pages.ask("internet", PRIVATE, secure=False).status == 404


@pytest.mark.parametrize("side", SIDES)
def test_plain_http_is_sent_to_https(pages: Web, side: Side) -> None:
    answer = pages.ask(side, "plex", "/web?a=b", secure=False)
    assert (answer.status, answer.text) == (301, f"https://plex.{DOMAIN}/web?a=b")


def test_both_entrances_show_the_same_certificate(desk: Kube) -> None:
    for app in PUBLIC:
        (issued,) = [one for one in desk.get("certificates", f"--namespace={SPACE}") if f"{app}.{DOMAIN}" in one["spec"]["dnsNames"]]
        asking = [one for one in desk.get("ingresses", f"--namespace={SPACE}") if one["spec"]["rules"][0]["host"] == f"{app}.{DOMAIN}"]
        assert {one["spec"]["ingressClassName"] for one in asking} == {"public", "home"}
        assert {one["spec"]["tls"][0]["secretName"] for one in asking} == {issued["spec"]["secretName"]}


def question(name: str) -> bytes:
    """Who has an A record of that name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def addresses(answer: bytes, asked: bytes) -> set[str]:
    """Of the A records in an answer; their names are pointers of two bytes."""
    found = set()
    for number in range(struct.unpack_from(">H", answer, 6)[0]):
        kind, _, _, size = struct.unpack_from(">2HIH", answer, len(asked) + number * 16 + 2)
        assert (kind, size) == (1, 4)
        found.add(".".join(map(str, answer[len(asked) + number * 16 + 12 :][:4])))
    return found


def test_own_machines_tell_lan_and_mesh_where_at_home_a_name_is(lab: Lab, pages: Web) -> None:
    asked = question(f"plex.{DOMAIN}")
    for door in HOMES:
        heard = lab.outside(LOOK_UP, pages.doors["lan"][door], asked.hex()).stdout
        assert addresses(bytes.fromhex(heard), asked) == {*pages.doors["lan"].values()}
        heard = lab.inside("laptop", "python3", "-c", LOOK_UP, MESH[door], asked.hex()).stdout
        assert addresses(bytes.fromhex(heard), asked) == {*pages.doors["mesh"].values()}


def test_nobody_is_told_of_any_other_name(lab: Lab, pages: Web) -> None:
    for name in (f"leviathan.{DOMAIN}", DOMAIN, "example.org"):
        heard = bytes.fromhex(lab.outside(LOOK_UP, pages.doors["lan"]["absis"], question(name).hex()).stdout)
        assert heard[3] & 15 == 5 and addresses(heard, question(name)) == set(), name


def test_a_laptop_on_the_mesh_finds_the_applications_by_their_names_at_every_home_machine(lab: Lab, pages: Web) -> None:
    for app in (*PUBLIC, PRIVATE):
        found = {line.split()[0] for line in lab.inside("laptop", "getent", "ahosts", f"{app}.{DOMAIN}").stdout.splitlines()}
        assert found == {*pages.doors["mesh"].values()}, app


def test_an_uploaded_file_of_some_size_comes_back_whole_through_the_vps(pages: Web) -> None:
    text = "".join(f"{number:07}\n" for number in range(1_000_000))
    pages.write("internet", "plex", "large", text)
    assert pages.read("internet", "plex", "large") == text
    assert pages.ask("internet", "plex", "/data/large", method="DELETE").status == 204


def test_data_kept_by_path_is_a_file_that_every_home_machine_has(lab: Lab, pages: Web) -> None:
    pages.write("lan", "plex", "kept", "by path")
    for name in HOMES:
        assert lab.inside(name, "cat", f"{MOUNT}/apps/plex/kept").stdout == "by path"


@pytest.mark.parametrize("app", KEEPING)
def test_data_is_there_after_the_pod_moved_to_the_other_home_machine(pages: Web, desk: Kube, app: str) -> None:
    text = f"before the move of {app}"
    pages.write("internet", app, "moving", text)
    old = web.node(desk, app)
    with web.cordoned(desk, old):
        desk("delete", "pod", f"--namespace={SPACE}", web.pod(desk, app)["metadata"]["name"], "--timeout=90s")
        eventually(lambda: web.node(desk, app) not in ("", old), 120, lambda: f"{app} does not come up on the other machine")
        assert pages.read("internet", app, "moving") == text
        assert pages.read("lan", app, "moving") == text
    assert old in HOMES and web.node(desk, app) in HOMES


def test_the_metrics_of_nodes_and_pods_can_be_asked_for(desk: Kube) -> None:
    eventually(lambda: desk.run("top", "nodes", "--no-headers").returncode == 0, 90, lambda: desk.run("top", "nodes").stderr)
    listed = {line.split()[0]: line for line in desk("top", "nodes", "--no-headers").splitlines()}
    assert {*HOMES} <= {*listed} and all(re.search(r"\d+Mi", listed[name]) for name in HOMES), listed


def test_pods_of_one_ingress_run_on_the_vps_and_of_the_other_at_home(desk: Kube) -> None:
    found: list[dict[str, Any]] = desk.get("pods", "--namespace=ingress")
    by_release = {(one["metadata"]["labels"]["app.kubernetes.io/instance"], one["spec"]["nodeName"]) for one in found}
    assert by_release == {("ingress-public", "nimbus"), *(("ingress-home", name) for name in HOMES)}


def test_a_second_up_changes_no_release(lab: Lab, desk: Kube) -> None:
    before = web.releases(desk)
    assert {status for _, status in before.values()} == {"deployed"}
    lab.up("--expect-no-changes")
    assert web.releases(desk) == before
