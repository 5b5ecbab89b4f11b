"""Ceph as it will be: who runs what, which disks are taken, pools, users, and the documents that the scripts read. Pure.

Live values (the users' keys, made by the cluster) come in as plain arguments. Facts about Ceph: docs/facts/ceph.md.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from components.remote.toolbox import ROOT, scripts
from components.storage import access, packages
from components.storage.access import User
from components.storage.capacity import Capacity, capacity
from components.storage.layout import Layout, layout, safe
from components.storage.memory import Budget, budget
from components.storage.options import options
from components.storage.pools import Pool, data_pool, metadata_pool, pools
from components.storage.survival import Cluster, cluster
from components.storage.warnings import warnings
from components.templates import render
from config.ceph import CephKeys
from config.model import Homelab
from config.size import Size
from config.storage import Filesystem, Storage

MSGR2, MSGR1 = 3300, 6789
BENIGN = {"RECENT_CRASH": "a daemon crashed in the last two weeks: `ceph crash ls`"}
"""Warnings that `storage/health` passes over, and what they mean."""


@dataclass(frozen=True)
class Osd:
    """One disk and its daemon. Sizes in bytes."""

    machine: str
    id: str
    serial: str
    size: Size
    bay: str | None
    memory_target: int

    @property
    def key(self) -> str:
        """The serial as it may stand in the name of a resource: `storage-osd-<key>`."""
        return safe(self.serial)


@dataclass(frozen=True)
class StoragePlan:
    """The whole cluster; empty, but for `budgets`, where no file system is wanted. Machines are in the fleet's order.

    `osds` is by serial, `users` by name. Documents are JSON texts; those that hold keys say so.
    """

    keys: CephKeys | None
    network: IPv4Network
    addresses: Mapping[str, IPv4Address]
    storage: Storage
    roles: Layout
    osds: Mapping[str, Osd]
    pools: Sequence[Pool]
    users: Mapping[str, User]
    budgets: Mapping[str, Budget]
    capacity: Capacity
    cluster: Cluster
    warnings: Sequence[str]

    @property
    def enabled(self) -> bool:
        """Whether there is any Ceph."""
        return self.storage.filesystem is not None

    @cached_property
    def machines(self) -> Sequence[str]:
        """Those with any part in it."""
        return [name for name in self.addresses if name in {*self.roles.monitors, *self.roles.hosts}]

    @property
    def first(self) -> str:
        """Where what concerns the whole cluster is said: the first machine with disks, which has the admin key."""
        return self.roles.hosts[0]

    @property
    def mount_point(self) -> str:
        """Where the file system is on machines."""
        return self._filesystem.mount_point

    def packages_of(self, machine: str) -> Sequence[str]:
        """Ceph's packages on a machine."""
        return packages.packages(self.roles, machine)

    @property
    def package_source(self) -> packages.Source:
        """Where all of them come from."""
        return packages.SOURCES[self.storage.packages]

    def system_reserved(self, machine: str) -> Size:
        """What is not for pods there. KeyError for a machine whose memory is not known."""
        return self.budgets[machine].system_reserved

    def disks_of(self, machine: str) -> Sequence[Osd]:
        """The disks of one machine, as configured."""
        return [osd for osd in self.osds.values() if osd.machine == machine]

    def ceph_conf(self, machine: str | None) -> str:
        """/etc/ceph/ceph.conf of a machine, or of a client of the mesh (None)."""
        monitors = [f"[v2:{self.addresses[name]}:{MSGR2},v1:{self.addresses[name]}:{MSGR1}]" for name in self.roles.monitors]
        return render(
            "storage",
            "ceph.conf.j2",
            fsid=self._keys.fsid,
            name=machine,
            members=self.roles.monitors if machine else (),
            monitors=monitors,
            network=self.network,
            address=self.addresses[machine] if machine else None,
            secure=self.storage.secure,
            gateway=f"{self.addresses[machine]}:{self._port}" if machine and machine in self.roles.gateways else None,
        )

    def packages_document(self, machine: str) -> str:
        """`storage/packages`, on every one of `machines`: {"packages": [name], "family": [pattern], "source": {"url", "suites": [codename],
        "key": URL, "fingerprint"} or null for the distribution's own}."""
        source = self.package_source
        upstream = {"key": packages.KEY, "fingerprint": packages.FINGERPRINT, "suites": sorted({*source.suites.values()})}
        own = {"url": source.url, **upstream} if source.url else None
        return _json({"packages": [*self.packages_of(machine)], "family": [*packages.FAMILY], "source": own})

    def ledger_document(self, machine: str) -> str:
        """`storage/ledger`: {"fsid", "disks": [{"id", "serial", "size", "bay"}]}, the same form for every machine with disks."""
        disks = [{"id": osd.id, "serial": osd.serial, "size": int(osd.size), "bay": osd.bay} for osd in self.disks_of(machine)]
        return _json({"fsid": self._keys.fsid, "disks": disks})

    def monitor_document(self, machine: str) -> str:
        """`storage/monitor`, on every one of `machines`. Secret.

        {"name", "fsid", "address", "conf": text of ceph.conf, "monitor": whether one runs here, "monmap": {name: address},
         "monKey", "adminKey": keys, or null where they have no business, "keepAdminKey": whether client.admin's keyring stays there}
        """
        here = machine in self.roles.monitors
        return _json(
            {
                "name": machine,
                "fsid": self._keys.fsid,
                "address": str(self.addresses[machine]),
                "conf": self.ceph_conf(machine),
                "monitor": here,
                "monmap": {name: str(self.addresses[name]) for name in self.roles.monitors},
                "monKey": self._keys.mon_key.get_secret_value() if here else None,
                "adminKey": self._keys.admin_key.get_secret_value() if here or machine in self.roles.hosts else None,
                "keepAdminKey": machine in self.roles.hosts,
            }
        )

    def cluster_document(self) -> str:
        """`storage/cluster`, on `first`: {"fsid", "monitors": [name], "disallowed": [name], "options": {who: {option: value}}}."""
        return _json(
            {
                "fsid": self._keys.fsid,
                "monitors": [*self.roles.monitors],
                "disallowed": [*self.roles.disallowed],
                "options": options(self.storage, self.budgets, self.roles),
            }
        )

    def daemons_document(self, machine: str) -> str:
        """`storage/daemons`, on each machine with disks: {"name", "fsid", "address", "manager": bool, "metadata": bool}."""
        return _json(
            {
                "name": machine,
                "fsid": self._keys.fsid,
                "address": str(self.addresses[machine]),
                "manager": machine in self.roles.managers,
                "metadata": machine in self.roles.metadata_servers,
            }
        )

    def osd_arguments(self, serial: str) -> Sequence[str]:
        """`storage/osd`, for people to read in a preview: take <by-id> serial <serial> size <4TB>."""
        osd = self.osds[serial]
        return ["take", osd.id, "serial", osd.serial, "size", str(osd.size)]

    def osd_document(self, serial: str) -> str:
        """`storage/osd`: {"fsid", "machine", "id", "serial", "size": bytes, "memoryTarget": bytes}."""
        osd = self.osds[serial]
        said = {"machine": osd.machine, "id": osd.id, "serial": osd.serial, "size": int(osd.size), "memoryTarget": osd.memory_target}
        return _json({"fsid": self._keys.fsid, **said})

    def pools_document(self) -> str:
        """`storage/pools`, on `first`, which answers {"users": {user: key}, "object": {"accessKey", "secretKey"}}.

        {"fsid", "pools": [{"name", "application", "pgs", "size", "min_size", "bulk"}],
         "filesystem": {"name", "metadata", "data", "directories", "shared", "volumes"},
         "block": pool or null, "object": {"user"} or null, "users": {name: {mon, mgr, mds, osd: capability}}}
        """
        files, block, things = self._filesystem, self.storage.block, self.storage.object
        return _json(
            {
                "fsid": self._keys.fsid,
                "pools": [asdict(pool) for pool in self.pools],
                "filesystem": {
                    "name": files.name,
                    "metadata": metadata_pool(files),
                    "data": data_pool(files),
                    "directories": [*files.directories],
                    "shared": [*files.shared],
                    "volumes": access.VOLUMES,
                },
                "block": block.name if block else None,
                "object": {"user": things.user} if things else None,
                "users": {user.name: dict(user.caps) for user in self.users.values()},
            }
        )

    def gateway_document(self, machine: str) -> str:
        """`storage/gateway`, on each machine with disks: {"name", "enabled": bool, "address", "port", "user"}."""
        here, things = machine in self.roles.gateways, self.storage.object
        said = {"enabled": here, "address": str(self.addresses[machine]), "port": self._port, "user": things.user if things else None}
        return _json({"name": machine, **said})

    def mount_document(self, machine: str, keys: Mapping[str, str]) -> str:
        """`storage/mount`, on each machine with disks. Secret. `keys`: what `storage/pools` answered. For the form: `_mount`."""
        return _json(self._mount(access.machine_user(machine), keys))

    def client_files(self, client: str, keys: Mapping[str, str]) -> Mapping[str, str]:
        """What a laptop's bundle gains, by absolute path; nothing where nothing is shared. Secret."""
        user = access.mesh_user(client)
        if user not in self.users:
            return {}
        ours = ("storage/mount", "storage/toolkit.py", "storage/status", "storage/leave")
        return {
            **{f"{ROOT}/{name}": scripts()[name].decode() for name in ours},
            "/etc/ceph/ceph.conf": self.ceph_conf(None),
            f"/etc/ceph/ceph.client.{user}.keyring": f"[client.{user}]\n\tkey = {keys[user]}\n",
            "/etc/homelab/storage.json": _json(self._mount(user, keys)),
        }

    def health_document(self) -> str:
        """`storage/health`, on `first`: {"fsid", "osds": how many, "monitors", "managers", "metadata", "benign": [codes of warnings]}."""
        numbers = {"osds": len(self.osds), "monitors": len(self.roles.monitors), "managers": len(self.roles.managers)}
        return _json({"fsid": self._keys.fsid, **numbers, "metadata": len(self.roles.metadata_servers), "benign": sorted(BENIGN)})

    def _mount(self, user: str, keys: Mapping[str, str]) -> dict[str, object]:
        """{"filesystem", "user", "key", "fsid", "monitors": [address:port of v1], "mounts": {folder of the file system: where}}"""
        mounts = {folder: f"{self.mount_point}{folder}".rstrip("/") for folder in self.users[user].folders}
        monitors = [f"{self.addresses[name]}:{MSGR1}" for name in self.roles.monitors]
        return {
            "filesystem": self._filesystem.name,
            "user": user,
            "key": keys[user],
            "fsid": self._keys.fsid,
            "monitors": monitors,
            "secure": self.storage.secure,
            "mounts": mounts,
        }

    @property
    def _keys(self) -> CephKeys:
        assert self.keys, "there is no Ceph in this plan"
        return self.keys

    @property
    def _filesystem(self) -> Filesystem:
        assert self.storage.filesystem, "there is no Ceph in this plan"
        return self.storage.filesystem

    @property
    def _port(self) -> int | None:
        return self.storage.object.port if self.storage.object else None


def plan(homelab: Homelab) -> StoragePlan:
    """Of a configuration in which `check` finds nothing."""
    roles = layout(homelab)
    budgets = {name: found for name in homelab.machines if (found := budget(homelab, name, roles))}
    made = pools(homelab.storage, roles)
    files = homelab.storage.filesystem
    room = capacity({name: [disk.size for disk in disks] for name, disks in roles.disks.items()}, files.replicas if files else 1)
    return StoragePlan(
        keys=homelab.identities.ceph if files else None,
        network=homelab.mesh.network,
        addresses={name: homelab.mesh.addresses[name] for name in homelab.machines} if files else {},
        storage=homelab.storage,
        roles=roles,
        osds={osd.serial: osd for osd in _osds(roles, budgets)},
        pools=made,
        users=access.users(homelab, roles),
        budgets=budgets,
        capacity=room,
        cluster=cluster(homelab, roles, made),
        warnings=warnings(homelab, roles, budgets, room),
    )


def _osds(roles: Layout, budgets: Mapping[str, Budget]) -> Sequence[Osd]:
    return [
        Osd(name, disk.id, disk.serial, disk.size, disk.bay, budgets[name].osd_target)
        for name, disks in roles.disks.items()
        for disk in disks
    ]


def _json(said: object) -> str:
    return json.dumps(said, sort_keys=True)
