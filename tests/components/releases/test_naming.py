"""Who answers for an application's name, with which addresses, and what the world has to know."""

import json
from typing import Any

import pytest

from components.releases.lan import DISCOVERY, SERVED, WEB
from components.releases.naming import HOSTS_FILE
from tests.components.releases.lab import app, planned

PUBLIC = {"nimbus": {"A": "203.0.113.100", "AAAA": "2001:db8::1"}}


@pytest.fixture(scope="module")
def dev() -> Any:
    return planned("dev").names


def view(names: Any, machine: str, which: str) -> list[str]:
    return list(json.loads(names.server_document(machine))["files"][f"{which}.conf"].splitlines())


def test_the_mesh_is_answered_with_mesh_addresses_and_the_lan_with_the_lan_s(dev: Any) -> None:
    mesh, lan = view(dev, "leviathan", "mesh"), view(dev, "leviathan", "lan")
    assert "listen-address=10.88.0.1" in mesh and "listen-address=192.168.77.10" in lan
    assert [line for line in mesh if "plex" in line] == [
        "local=/plex.homelab.test/",
        "host-record=plex.homelab.test,10.88.0.1",
        "host-record=plex.homelab.test,10.88.0.2",
    ]
    assert [line for line in lan if line.startswith("host-record=plex")] == [
        "host-record=plex.homelab.test,192.168.77.10",
        "host-record=plex.homelab.test,192.168.77.11",
    ]


def test_nothing_is_answered_but_the_applications_names_and_nobody_else_is_asked(dev: Any) -> None:
    for which in ("mesh", "lan"):
        lines = view(dev, "absis", which)
        assert {"no-resolv", "no-hosts", "bind-dynamic"} <= {*lines}
        assert {line.split("=")[0] for line in lines if "homelab.test" in line} == {"local", "host-record"}
        assert not [line for line in lines if "leviathan" in line or "server=" in line]


def test_only_own_machines_answer(dev: Any) -> None:
    assert [*dev.servers] == ["leviathan", "absis"]


def test_a_lan_that_asks_another_server_is_left_alone() -> None:
    names = planned("dev", names={"lanServer": False})
    assert [*names.names.servers["absis"]] == ["mesh"] and names.opened["absis"] == [WEB]
    assert names.names.router_lines(names.names.lan["home"])[0] == "address=/home-assistant.homelab.test/192.168.77.10"


def test_a_router_is_told_whom_to_ask(dev: Any) -> None:
    lines = dev.router_lines(dev.lan["home"])
    assert "server=/notes.homelab.test/192.168.77.11" in lines
    assert lines[0] == "rebind-domain-ok=/home-assistant.homelab.test/notes.homelab.test/plex.homelab.test/"


def test_the_home_s_web_and_its_name_server_are_open_to_the_lan_only_where_they_are() -> None:
    assert planned("dev").opened == {"leviathan": [WEB, SERVED], "absis": [WEB, SERVED]}
    assert not any(planned(ingress={"public": {}}, applications=app()).opened.values())


def test_answers_of_a_lan_reach_only_the_machine_on_whose_network_an_application_is() -> None:
    opened = planned("home").opened
    assert [*opened["absis"]] == [WEB, SERVED, *DISCOVERY] and [*opened["leviathan"]] == [WEB, SERVED]
    anywhere = planned(applications=app(hostNetwork=True)).opened
    assert all({*DISCOVERY} <= {*rules} for rules in anywhere.values())


def test_answers_of_a_lan_reach_nothing_that_listens() -> None:
    """VXLAN would take a packet of anybody for one of another machine's pods."""
    assert all("dport 32768-65535" in rule or "dport { 1900, 5353 }" in rule for rule in DISCOVERY)


def test_a_laptop_finds_every_application_at_the_own_machines(dev: Any) -> None:
    (path, text), *more = dev.client_files().items()
    assert path == HOSTS_FILE and not more
    assert text.splitlines()[0] == "10.88.0.1 home-assistant.homelab.test notes.homelab.test plex.homelab.test"
    assert planned(ingress={"public": {}}, applications=app()).names.client_files() == {}


def test_the_world_learns_of_public_applications_only_by_each_kind_of_address(dev: Any) -> None:
    records = dev.document(PUBLIC)["records"]
    assert {(one["name"], one["type"], one["address"]) for one in records} == {
        (f"{name}.homelab.test", kind, address)
        for name in ("plex", "home-assistant")
        for kind, address in (("A", "203.0.113.100"), ("AAAA", "2001:db8::1"))
    }
    assert not [one for one in dev.document({"nimbus": {"A": "203.0.113.100", "AAAA": ""}})["records"] if one["type"] == "AAAA"]


def test_names_of_the_domain_are_records_of_its_zone_and_others_are_the_operator_s() -> None:
    apps = {
        **{name: app(host=host)["one"] for name, host in (("a", "example.net"), ("b", "b.c.example.net"), ("d", "notexample.net"))},
        "e": app()["one"],
    }
    names = planned(names={"dns": "vultr"}, applications=apps).names
    assert names.records == {"b.c.example.net": "b.c", "e.example.net": "e", "example.net": ""} and names.elsewhere == ["notexample.net"]
    made = {one["name"]: one["made"] for one in names.document(PUBLIC)["records"]}
    assert made == {"example.net": True, "b.c.example.net": True, "e.example.net": True, "notexample.net": False}


def test_a_zone_is_protected_like_the_address_that_it_names() -> None:
    assert planned("home").names.protect and not planned("dev").names.protect


def test_two_sites_each_answer_with_what_is_near() -> None:
    machines = {
        name: {
            "site": site,
            "lan": lan,
            "ssh": {"hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBiKfcqWcX11cTc7gIWCDJGF2HXpXQY0pIdwWxyQgRE"},
            "cpus": 4,
            "memory": "16GiB",
        }
        for name, site, lan in (("oak", "north", "192.168.1.2/24"), ("elm", "south", "192.168.2.2/24"), ("ash", "south", "192.168.2.3/24"))
    }
    mesh = {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1", "elm": "10.88.0.2", "ash": "10.88.0.3"}}
    bare = {"storage": {}, "volumes": {}, "metrics": {}, "ingress": {"home": {}}, "certificates": {"issuer": "private"}}
    names = planned(machines=machines, mesh=mesh, applications=app(), **bare).names
    near = {site: {*map(str, addresses)} for site, addresses in names.lan.items()}
    assert near == {"north": {"192.168.1.2"}, "south": {"192.168.2.2", "192.168.2.3"}}
    assert len([line for line in view(names, "oak", "lan") if line.startswith("host-record")]) == 1
    assert len([line for line in view(names, "oak", "mesh") if line.startswith("host-record")]) == 3
