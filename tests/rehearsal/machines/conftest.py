from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from rehearsal.machines import lab, leftovers, networks
from rehearsal.machines.addresses import gateway_of
from rehearsal.machines.spec import Disk, Spec

OPERATOR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL5aWJP2QyK/xrYkNuUe8nWe8mRd5RUqJQxSrsXDtCbJ rehearsal"


@pytest.fixture
def own() -> Spec:
    return Spec(
        name="t-own",
        network="home",
        address=IPv4Interface("192.168.77.50/24"),
        gateway=gateway_of("home"),
        disks=(Disk("virtio-t-1", "SERIAL-1", 64 << 20), Disk("virtio-t-2", "SERIAL 2", 65 << 20)),
        user="tyler",
        authorized_key=OPERATOR,
    )


@pytest.fixture
def rented() -> Spec:
    return Spec(
        name="t-rented",
        network="internet",
        address=IPv4Interface("203.0.113.150/24"),
        gateway=gateway_of("internet"),
        address6=IPv6Interface("2001:db8:113::150/64"),
        user_data="#cloud-config\nhostname: planted\nlocale: false\nruncmd: [touch /root/ran]\n",
    )


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of its own on a host without a rehearsal; nothing is left of it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMELAB_REHEARSAL", str(tmp_path_factory.mktemp("state")))
        if standing := leftovers.find():
            pytest.fail(f"a rehearsal stands on this host; `make down` first: {standing}")
        networks.up()
        try:
            yield Path(tmp_path_factory.getbasetemp())
        finally:
            left = lab.down()
        assert left == []
