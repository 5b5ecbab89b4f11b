"""The applications' names and addresses in the whole program."""

from tests.graph import ADDRESS


def test_the_outputs_say_where_everything_is_reached(dev):
    assert dev.outputs["urls"]["plex"] == {"url": "https://plex.homelab.test/", "from": "everywhere", "signedBy": "private"}
    assert dev.outputs["urls"]["notes"]["from"] == "LAN and mesh"
    assert {"name": "plex.homelab.test", "type": "A", "address": ADDRESS, "made": True} in dev.outputs["names"]["records"]
    assert dev.outputs["releases"]["app-plex"] == {"release": "applications/plex", "chart": "charts/plex"}


def test_own_machines_answer_for_names(graph):
    assert graph.names("names-server-*") == ["names-server-absis", "names-server-leviathan"]


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

    graph = run(change=publish)
    assert "names-zone" not in graph.nodes and graph.all("vultr:index/dnsRecord:DnsRecord")
