"""Ceph as a person would set it up, following Ceph's manual: for each step a machine and what is typed there. Pure.

The same result as the storage stage (monitors, managers, disks, pools, users, gateways, mounts, healthy), by the plain tools, one after the
other. Paths and capabilities are those of the stage; what it does besides (ledgers, units that find their disks, what is remembered) is not
done here.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from components.storage.access import machine_user
from components.storage.options import options
from components.storage.plan import MSGR1, MSGR2, StoragePlan
from config.ceph import CephKeys

VAR = "/var/lib/ceph"
MOUNT = "homelab-bench-mount"
"""The unit of a mount that is made here."""

ADMIN = {"mon": "allow *", "osd": "allow *", "mds": "allow *", "mgr": "allow *"}
MANAGER = {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}
METADATA = {"mon": "profile mds", "mgr": "profile mds", "mds": "allow *", "osd": "allow *"}
GATEWAY = {"mon": "allow rw", "osd": "allow rwx"}


@dataclass(frozen=True)
class Typed:
    """Commands for one machine's root shell (`sh -eu`)."""

    machine: str
    text: str


def typed(plan: StoragePlan, keys: CephKeys) -> Iterator[Typed]:
    """Everything in order; `keys` are those of a cluster that is made and thrown away."""
    plan, first = replace(plan, keys=keys), plan.first
    for name in plan.roles.monitors:
        yield Typed(name, _monitor(plan, keys, name))
    yield Typed(first, _cluster(plan))
    for name in plan.roles.managers:
        yield Typed(name, _daemon("mgr", name, MANAGER))
    for name in plan.roles.metadata_servers:
        yield Typed(name, _daemon("mds", name, METADATA))
    for osd in plan.osds.values():
        yield Typed(osd.machine, _disk(f"/dev/disk/by-id/{osd.id}"))
    yield Typed(first, _pools(plan))
    for name in plan.roles.gateways:
        yield Typed(name, _gateway(plan, name))
    for name in plan.roles.hosts:
        yield Typed(name, _mount(plan, name))
    yield Typed(first, _directories(plan) + "until ceph health | grep -q HEALTH_OK; do sleep 0.5; done\n")


def _monitor(plan: StoragePlan, keys: CephKeys, name: str) -> str:
    """ceph.conf, keyrings, the map of monitors, the store, the daemon."""
    members = " ".join(
        f"--addv {other} '[v2:{plan.addresses[other]}:{MSGR2},v1:{plan.addresses[other]}:{MSGR1}]'" for other in plan.roles.monitors
    )
    admin = shlex.quote(f"[client.admin]\n\tkey = {keys.admin_key.get_secret_value()}\n")
    caps = "".join(f'\tcaps {service} = "{cap}"\n' for service, cap in ADMIN.items())
    both = shlex.quote(
        f'[mon.]\n\tkey = {keys.mon_key.get_secret_value()}\n\tcaps mon = "allow *"\n'
        f"[client.admin]\n\tkey = {keys.admin_key.get_secret_value()}\n{caps}"
    )
    kept = f"(umask 077; printf %s {admin} > /etc/ceph/ceph.client.admin.keyring)\n" if name in plan.roles.hosts else ""
    return (
        f"mkdir -p /etc/ceph; printf %s {shlex.quote(plan.ceph_conf(name))} > /etc/ceph/ceph.conf\n{kept}"
        "rm -rf /run/by-hand; install -d -m 700 -o ceph -g ceph /run/by-hand\n"
        f"printf %s {both} > /run/by-hand/keyring\n"
        f"monmaptool --create --fsid {keys.fsid} --enable-all-features {members} /run/by-hand/monmap\n"
        f"chown ceph:ceph /run/by-hand/*; install -d -o ceph -g ceph {VAR}/mon/ceph-{name}\n"
        f"ceph-mon --mkfs -i {name} --monmap /run/by-hand/monmap --keyring /run/by-hand/keyring --setuser ceph --setgroup ceph\n"
        f"rm -rf /run/by-hand; systemctl enable -q --now ceph-mon@{name}\n"
    )


def _cluster(plan: StoragePlan) -> str:
    """The quorum, who leads it, and the options."""
    waits = " && ".join(f'echo "$here" | grep -q \'"{name}"\'' for name in plan.roles.monitors)
    # Each change makes the monitors vote anew, which may lose the next one: so it is said until it stands.
    never = "".join(
        f'until ceph mon dump -f json | grep -q \'disallowed_leaders[^"]*":"[^"]*{name}\'\n'
        f"do ceph mon add disallowed_leader {name} || true; sleep 0.5; done\n"
        for name in plan.roles.disallowed
    )
    said = options(plan.storage, plan.budgets, plan.roles)
    return (
        "quorum() { here=$(ceph quorum_status -f json | sed 's/.*\"quorum_names\":\\[\\([^]]*\\)\\].*/\\1/'); " + waits + "; }\n"
        "until quorum; do sleep 0.5; done\nceph mon enable-msgr2\nceph mon set election_strategy disallow\n"
        f"{never}" + "".join(f"ceph config set {who} {key} {value}\n" for who, some in said.items() for key, value in some.items())
    )


def _daemon(kind: str, name: str, caps: Mapping[str, str]) -> str:
    folder = f"{VAR}/{kind}/ceph-{name}"
    return (
        f"mkdir -p {folder}; ceph auth get-or-create {kind}.{name} {_caps(caps)} -o {folder}/keyring\n"
        f"chown -R ceph:ceph {folder}; systemctl enable -q --now ceph-{kind}@{name}\n"
    )


def _disk(device: str) -> str:
    """The long form of Ceph's manual, which is what `ceph-volume raw prepare` and `activate` do."""
    return (
        f"uuid=$(cat /proc/sys/kernel/random/uuid); key=$(ceph-authtool --gen-print-key)\n"
        'number=$(echo "{\\"cephx_secret\\": \\"$key\\"}" | ceph osd new "$uuid" -i -)\n'
        f"folder={VAR}/osd/ceph-$number; mkdir -p $folder; mount -t tmpfs -o mode=0750 tmpfs $folder; ln -s {device} $folder/block\n"
        'printf \'[osd.%s]\\n\\tkey = %s\\n\' "$number" "$key" > $folder/keyring\n'
        f"chown -h ceph:ceph $folder $folder/*; chown ceph:ceph {device}\n"
        'ceph-osd --osd-objectstore bluestore -i "$number" --mkfs --osd-uuid "$uuid" --setuser ceph --setgroup ceph\n'
        'systemctl enable -q --now "ceph-osd@$number"\n'
    )


def _pools(plan: StoragePlan) -> str:
    """Pools with what differs from the defaults that were just set, the file system, users."""
    files, block, things = plan.storage.filesystem, plan.storage.block, plan.storage.object
    assert files
    lines = []
    for pool in plan.pools:
        lines.append(f"ceph osd pool create {pool.name} {pool.pgs} {pool.pgs}")
        lines += [f"ceph osd pool set {pool.name} size {pool.size}"] if pool.size != files.replicas else []
        lines += [f"ceph osd pool set {pool.name} min_size {pool.min_size}"] if pool.min_size != files.min_replicas else []
        lines.append(f"ceph osd pool application enable {pool.name} {pool.application}")
    metadata, data = (pool.name for pool in plan.pools[:2])
    lines += [f"ceph fs new {files.name} {metadata} {data}", "until ceph mds stat | grep -q up:active; do sleep 0.5; done"]
    lines.append(f"ceph fs subvolumegroup create {files.name} csi")
    lines += [f"rbd pool init {block.name}"] if block else []
    lines += [f"radosgw-admin user create --uid={things.user} --display-name={things.user}"] if things else []
    lines += [f"ceph auth get-or-create client.{user.name} {_caps(user.caps)}" for user in plan.users.values()]
    return "".join(f"{line}\n" for line in lines)


def _gateway(plan: StoragePlan, name: str) -> str:
    folder, things = f"{VAR}/radosgw/ceph-rgw.{name}", plan.storage.object
    assert things
    return (
        f"mkdir -p {folder}; ceph auth get-or-create client.rgw.{name} {_caps(GATEWAY)} -o {folder}/keyring; chown -R ceph:ceph {folder}\n"
        f"systemctl enable -q --now ceph-radosgw@rgw.{name}\n"
        f"until ss -Hltn | grep -q '{plan.addresses[name]}:{things.port} '; do sleep 0.5; done\n"
    )


def _mount(plan: StoragePlan, name: str) -> str:
    """By the kernel where it can, else by ceph-fuse, which is put into a unit so that it can be ended."""
    files, user, where = plan.storage.filesystem, machine_user(name), plan.mount_point
    assert files
    ring, monitors = f"/etc/ceph/ceph.client.{user}.keyring", ",".join(f"{plan.addresses[one]}:{MSGR1}" for one in plan.roles.monitors)
    return (
        f"(umask 077; ceph auth get client.{user} -o {ring}; ceph auth get-key client.{user} > {ring}.secret); mkdir -p {where}\n"
        "modprobe -q ceph 2>/dev/null || true\n"
        "if grep -qw ceph /proc/filesystems && command -v mount.ceph > /dev/null; then\n"
        f"  mount -t ceph {monitors}:/ {where} -o name={user},secretfile={ring}.secret,fs={files.name}\n"
        f"else\n  systemd-run --quiet --collect --unit={MOUNT} ceph-fuse -f --id {user} --client_fs {files.name} -r / {where}\n"
        f"  until mountpoint -q {where}; do sleep 0.2; done\nfi\n"
    )


def _directories(plan: StoragePlan) -> str:
    files = plan.storage.filesystem
    assert files
    made = " ".join(f"{plan.mount_point}/{folder}" for folder in files.directories)
    shared = " ".join(f"{plan.mount_point}/{folder}" for folder in files.shared)
    return (f"mkdir -p {made}\n" if made else "") + (f"chmod 1777 {shared}\n" if shared else "")


def _caps(caps: Mapping[str, str]) -> str:
    return " ".join(f"{service} {shlex.quote(cap)}" for service, cap in sorted(caps.items()))
