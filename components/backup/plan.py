"""Backups as they will be: who stores what where and by which way, who keeps it, and the documents that the scripts read. Pure.

Live values (public keys) come in as plain arguments.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Literal

from pydantic import SecretStr

from components.backup.place import DIRECTORY
from components.backup.warnings import warnings
from components.kubernetes.plan import KubernetesPlan
from components.remote.toolbox import ROOT, scripts
from components.storage.plan import StoragePlan
from config.backup import Backup, subjects
from config.identities import ssh_public
from config.model import Homelab

SNAPSHOTS = "etcd"
UID = 59655
"""Of the user that machines come to by SSH. Fixed, for it stands on the shared file system, far from those that are given by turns."""

USER = "homelab-backup"
DOCUMENT = "/etc/homelab/backup/backup.json"
"""Where a client of the mesh has its own `setup_document`."""


@dataclass(frozen=True)
class Member:
    """One that is backed up. `way`: over the mount, or by SSH to a home machine. `key`: a client's public one; a machine makes its own."""

    name: str
    client: bool
    way: Literal["mount", "ssh"]
    address: IPv4Address
    passphrase: SecretStr
    key: str | None = None


@dataclass(frozen=True)
class Entry:
    """A home machine as those that come by SSH reach it."""

    name: str
    address: IPv4Address
    port: int
    host_key: str


@dataclass(frozen=True)
class BackupPlan:
    """All backups; empty where no `schedule` is wanted. `everybody`, `home`: all machines, and the own ones.

    `keepers`: home machines with the mount, any of which does. `retired`: name -> passphrase of those that are not backed up any more.
    `snapshotters`: home machines that copy etcd's data. `control_plane`: all of etcd's members, for a restore.
    """

    backup: Backup
    filesystem: str
    everybody: Sequence[str]
    home: Sequence[str]
    members: Mapping[str, Member]
    retired: Mapping[str, SecretStr]
    keepers: Sequence[str]
    entries: Sequence[Entry]
    snapshotters: Sequence[str]
    runner: str
    control_plane: Mapping[str, Entry]
    warnings: Sequence[str]

    @property
    def enabled(self) -> bool:
        """Whether there are any."""
        return self.backup.schedule is not None

    @property
    def folder(self) -> str:
        """Of all repositories, on home machines."""
        return f"/srv/{self.filesystem}/{DIRECTORY}"

    @property
    def machines(self) -> Sequence[str]:
        """Those with Borg on them: backed up, or keeping."""
        backed_up = [name for name, member in self.members.items() if not member.client]
        return [*backed_up, *(name for name in self.keepers if name not in backed_up)]

    @property
    def own(self) -> Sequence[str]:
        """The machines that are backed up."""
        return [name for name, member in self.members.items() if not member.client]

    @property
    def remote(self) -> Sequence[str]:
        """The machines that come by SSH, with a key pair of their own making."""
        return [name for name, member in self.members.items() if member.way == "ssh" and not member.client]

    @property
    def clients(self) -> Sequence[str]:
        """The clients of the mesh."""
        return [name for name, member in self.members.items() if member.client]

    @property
    def copying(self) -> Sequence[str]:
        """Where `backup/snapshots` has something to do: a restore is the runner's, also of snapshots that nobody makes any more."""
        runner = [self.runner] if self.runner and self.runner not in self.snapshotters else []
        return [*self.snapshotters, *runner]

    @property
    def leaving(self) -> Mapping[str, Sequence[str]]:
        """Script -> machines that may have it set up by an earlier configuration, and are told an empty document: take it away."""
        could = {"setup": self.everybody, "keeper": self.home, "snapshots": self.home}
        stays = {"setup": self.own, "keeper": self.keepers, "snapshots": self.copying}
        return {script: [name for name in names if name not in stays[script]] for script, names in could.items()}

    @property
    def first(self) -> str:
        """Where what concerns all repositories is done: the first machine with disks, which has Ceph's admin key."""
        return self.keepers[0]

    def repository(self, name: str) -> str:
        """As its owner writes it to Borg."""
        path = f"{self.folder}/{name}"
        return path if self.members[name].way == "mount" else f"ssh://{USER}{path}"

    def setup_document(self, name: str) -> str:
        """`backup/setup`, on everyone that is backed up. Secret.

        {"name", "folder", "repository", "passphrase", "entries": [{"address", "port", "key"}] of those to come to by SSH, "excludes",
         "schedule": {"at", "spread": seconds}, "limits": {"upload": bytes a second, "cpuWeight", "ioWeight"}}
        """
        member, schedule = self.members[name], self.backup.schedule
        assert schedule, "there are no backups in this plan"
        entries = [{"address": str(one.address), "port": one.port, "key": one.host_key} for one in self.entries]
        return _json(
            {
                "name": name,
                "folder": self.folder,
                "repository": self.repository(name),
                "passphrase": member.passphrase.get_secret_value(),
                "entries": entries if member.way == "ssh" else [],
                "excludes": [*self.backup.excludes],
                "schedule": {"at": schedule.at, "spread": int(schedule.spread)},
                "limits": self._limits,
            }
        )

    def keeper_document(self, keys: Mapping[str, str]) -> str:
        """`backup/keeper`, on each of `keepers`. `keys`: those of `remote`, public. Secret.

        {"folder", "uid", "keys": {name: {"key", "from": mesh address}}, "repositories": {name: {"passphrase", "remote": whether by SSH}},
         "retired": {name: passphrase}, "keep": {unit: number}, "checks": {kind: seconds}, "limits": as above}
        """
        known = {name: member.key or keys[name] for name, member in self.members.items() if member.way == "ssh"}
        return _json(
            {
                "folder": self.folder,
                "uid": UID,
                "keys": {name: {"key": key.strip(), "from": str(self.members[name].address)} for name, key in known.items()},
                "repositories": self._repositories,
                "retired": {name: phrase.get_secret_value() for name, phrase in self.retired.items()},
                "keep": self.backup.keep.model_dump(),
                "checks": {kind: int(seconds) for kind, seconds in self.backup.checks},
                "limits": self._limits,
            }
        )

    def repositories_document(self, storage_key: str) -> str:
        """`backup/repositories`, on `first`, which answers {name: exported key}. `storage_key`: of a user of this very storage. Secret.

        {"folder", "filesystem", "directory", "quota": bytes or null, "gid", "repositories": as above,
         "storage": a word that is another one in another storage}
        """
        quota = self.backup.quota
        return _json(
            {
                "folder": self.folder,
                "filesystem": self.filesystem,
                "directory": DIRECTORY,
                "quota": int(quota) if quota else None,
                "gid": UID,
                "repositories": self._repositories,
                "storage": sha256(storage_key.encode()).hexdigest()[:16],
            }
        )

    def snapshots_document(self, name: str) -> str:
        """`backup/snapshots`, on each of `snapshotters` and on the runner.

        {"folder", "every": seconds, "keep", "member": whether it makes them, "runner",
         "members": {machine of the control plane: {"address", "port", "key"}}, "keepers": the same of home machines with the mount}
        """
        return _json(
            {
                "folder": f"{self.folder}/{SNAPSHOTS}",
                "every": int(self.backup.snapshots.every),
                "keep": self.backup.snapshots.keep,
                "member": name in self.snapshotters,
                "runner": self.runner,
                "members": _reached(self.control_plane.values()),
                "keepers": _reached(self.entries),
            }
        )

    def client_files(self, name: str) -> Mapping[str, str]:
        """What a client's bundle gains, by absolute path. Secret."""
        ours = {f"{ROOT}/{script}": text.decode() for script, text in scripts().items() if script.startswith("backup/")}
        return {**ours, DOCUMENT: self.setup_document(name)}

    @property
    def _limits(self) -> dict[str, int]:
        limits = self.backup.limits
        return {"upload": int(limits.upload), "cpuWeight": limits.cpu_weight, "ioWeight": limits.io_weight}

    @property
    def _repositories(self) -> dict[str, dict[str, object]]:
        every = self.members.items()
        return {name: {"passphrase": one.passphrase.get_secret_value(), "remote": one.way == "ssh"} for name, one in every}


def plan(homelab: Homelab, storage: StoragePlan, kubernetes: KubernetesPlan) -> BackupPlan:
    """Of a configuration in which `check` finds nothing."""
    enabled = homelab.backup.schedule is not None
    hosts = storage.roles.hosts
    keepers = [*hosts] if enabled else []
    members = {name: _member(homelab, name, keepers) for name in subjects(homelab.backup, homelab.machines)}
    copied = [name for name in kubernetes.control_plane if name in hosts]
    etcd = copied if enabled else []
    files = homelab.storage.filesystem
    return BackupPlan(
        backup=homelab.backup,
        filesystem=files.name if files else "",
        everybody=[*homelab.machines],
        home=[name for name, machine in homelab.machines.items() if not machine.rented],
        members=members,
        retired={name: phrase for name, phrase in homelab.identities.backup_passphrases.items() if enabled and name not in members},
        keepers=keepers,
        entries=[_entry(homelab, name) for name in hosts],
        snapshotters=etcd,
        runner=kubernetes.runner if copied else "",
        control_plane={name: _entry(homelab, name) for name in kubernetes.control_plane} if copied else {},
        warnings=warnings(homelab, storage, etcd) if enabled else [],
    )


def _member(homelab: Homelab, name: str, keepers: Sequence[str]) -> Member:
    client = homelab.mesh.clients[name] if name not in homelab.machines else None
    return Member(
        name=name,
        client=client is not None,
        way="mount" if name in keepers else "ssh",
        address=client.address if client else homelab.mesh.addresses[name],
        passphrase=homelab.identities.backup_passphrases[name],
        key=client.backup_key if client else None,
    )


def _entry(homelab: Homelab, name: str) -> Entry:
    said = homelab.machines[name]
    if said.rented:
        return Entry(name, homelab.mesh.addresses[name], 22, ssh_public(homelab.identities.host_key(name).get_secret_value()))
    assert said.ssh and said.ssh.host_key, "components.machines.check refuses this"
    return Entry(name, homelab.mesh.addresses[name], said.ssh.port, said.ssh.host_key)


def _reached(entries: Iterable[Entry]) -> dict[str, dict[str, object]]:
    return {one.name: {"address": str(one.address), "port": one.port, "key": one.host_key} for one in entries}


def _json(said: object) -> str:
    return json.dumps(said, sort_keys=True)
