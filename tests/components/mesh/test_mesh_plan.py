"""The mesh plan: who dials whom, where, and the exact files. `lab` below is the dev stack's shape without its file."""

import json
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as some

from components.mesh.plan import MTU, OVERHEAD, Member, MeshPlan, mesh_mtu, tinc_name
from config.mesh import Client

KEYS = {"leviathan": "KEY-L\n", "absis": "KEY-A", "nimbus": "KEY-N"}
ENDPOINTS = {"nimbus": "203.0.113.100"}


def member(name: str, number: int, lan: str | None, dials: list[str]) -> Member:
    site, address = ("home", IPv4Address(lan)) if lan else ("cloud", None)
    return Member(name, site, IPv4Address(f"10.88.0.{number}"), address, lan is None, dials, None)


@pytest.fixture
def plan() -> MeshPlan:
    members = [
        member("leviathan", 1, "192.168.77.10", ["absis", "nimbus"]),
        member("absis", 2, "192.168.77.11", ["leviathan", "nimbus"]),
        member("nimbus", 3, None, []),
    ]
    client = Client.model_construct(address=IPv4Address("10.88.0.50"), public_key="KEY-T")
    return MeshPlan(
        IPv4Network("10.88.0.0/24"), 1400, MappingProxyType({m.name: m for m in members}), MappingProxyType({"my-laptop": client})
    )


def files(document: str) -> dict[str, str]:
    return json.loads(document)["files"]


def test_the_configuration_of_a_home_member_is_exactly_this(plan):
    conf = files(plan.member_document("absis", KEYS, ENDPOINTS))["tinc.conf"]
    assert [line for line in conf.splitlines() if not line.startswith("#")] == [
        "Name = absis",
        "Interface = tinc0",
        "AddressFamily = ipv4",
        "Mode = router",
        "StrictSubnets = yes",
        "LocalDiscovery = yes",
        "PingInterval = 15",
        "MaxTimeout = 30",
        "ConnectTo = leviathan",
        "ConnectTo = nimbus",
    ]


def test_a_neighbour_is_dialled_over_the_lan_and_a_rented_member_at_its_public_address(plan):
    hosts = files(plan.member_document("absis", KEYS, ENDPOINTS))
    assert hosts["hosts/leviathan"].splitlines()[0] == "Address = 192.168.77.10"
    assert hosts["hosts/nimbus"].splitlines()[0] == "Address = 203.0.113.100"


def test_a_host_file_holds_subnet_ciphers_and_key(plan):
    assert files(plan.member_document("nimbus", KEYS, ENDPOINTS))["hosts/leviathan"].splitlines() == [
        "Subnet = 10.88.0.1/32",
        "Cipher = aes-256-cbc",
        "Digest = sha256",
        "MACLength = 16",
        "KEY-L",
    ]


def test_nobody_elsewhere_learns_a_lan_address(plan):
    for document in (plan.member_document("nimbus", KEYS, ENDPOINTS), plan.client_document("my-laptop", KEYS, ENDPOINTS)):
        assert "192.168.77" not in document


def test_everyone_knows_the_key_of_everyone_because_tinc_accepts_no_learned_subnets(plan):
    everyone = {"tinc.conf", "hosts/leviathan", "hosts/absis", "hosts/nimbus", "hosts/my_laptop"}
    assert {*files(plan.member_document("nimbus", KEYS, ENDPOINTS))} == everyone
    assert {*files(plan.client_document("my-laptop", KEYS, ENDPOINTS))} == everyone


def test_a_client_dials_the_rented_members_only(plan):
    conf = files(plan.client_document("my-laptop", KEYS, ENDPOINTS))["tinc.conf"].splitlines()
    assert "Name = my_laptop" in conf and [line for line in conf if line.startswith("ConnectTo")] == ["ConnectTo = nimbus"]


def test_tinc_names_have_no_hyphen():
    assert tinc_name("living-room-pc") == "living_room_pc"


def test_the_mtu_is_1400_on_ethernet_and_pppoe_and_follows_narrower_paths():
    assert (mesh_mtu(1500), mesh_mtu(1492), mesh_mtu(1400), mesh_mtu(1280)) == (1400, 1400, 1336, 1216)


@given(some.integers(1280, 9000))
def test_a_full_mesh_packet_with_its_overhead_fits_the_path(underlay):
    mtu = mesh_mtu(underlay)
    assert mtu + OVERHEAD <= underlay and mtu <= MTU and mtu % 4 == 0
