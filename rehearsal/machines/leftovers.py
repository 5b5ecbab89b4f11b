"""What of the rehearsal is still on this host: nothing, after `down`."""

from pathlib import Path

from rehearsal import paths
from rehearsal.machines import cgroups, firewalls, iptables, networks
from rehearsal.machines.disks import attached
from rehearsal.machines.folder import all_machines
from rehearsal.machines.shell import succeeds

MOUNTS = Path("/proc/self/mounts")


def find() -> list[str]:
    """One line for each thing that is left: processes, control groups, mounts, loop devices, networks, rules, records."""
    found = [f"process {pid} in control group hl-{name}" for name in cgroups.names() for pid in sorted(cgroups.processes(name))]
    found += [f"control group hl-{name}" for name in cgroups.names()]
    found += [f"mount {point}" for point in mounts()]
    found += [f"loop device {device} of {file}" for file, device in attached(paths.state()).items()]
    found += [f"network namespace {name}" for name in networks.namespaces()]
    found += [f"network interface {name}" for name in networks.links()]
    if succeeds("nft", "list", "table", "inet", firewalls.TABLE):
        found.append(f"nft table inet {firewalls.TABLE}")
    found += [f"iptables rule {rule}" for rule in iptables.left()]
    if networks.RECORD.exists():
        found.append(f"{networks.RECORD}: this host's settings were not put back")
    if all_machines().exists():
        found.append(f"folder {all_machines()}")
    return found


def mounts() -> list[str]:
    """Mount points below the state folder, innermost first."""
    points = [line.split()[1].encode().decode("unicode_escape") for line in MOUNTS.read_text().splitlines()]
    return sorted((point for point in points if Path(point).is_relative_to(paths.state())), key=len, reverse=True)
