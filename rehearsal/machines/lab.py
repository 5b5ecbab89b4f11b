"""The lab as a whole: the networks, the operator's own machines and the laptop, up and down."""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Interface

from config.model import Homelab
from rehearsal import paths
from rehearsal.machines import cgroups, disks, image, leftovers, machine, networks
from rehearsal.machines.addresses import HOME, gateway_of
from rehearsal.machines.folder import all_machines
from rehearsal.machines.progress import say, step
from rehearsal.machines.shell import MachineError, run, wait_until
from rehearsal.machines.spec import Disk, Spec

LAPTOP = "laptop"
LAPTOP_ADDRESS = IPv4Interface("192.168.99.10/24")
# What `down` deletes besides machines.
STATE = ("edges", "vultr", "backend", "env", "agent.sock", "agent.log", "clock.log", "names.log", "operator")


def specs(homelab: Homelab) -> tuple[Spec, ...]:
    """The machines that stand before the program runs: all with a LAN address, and the laptop if it is a client."""
    own = [_own(homelab, name) for name, declared in homelab.machines.items() if not declared.rented]
    return (*own, *([_laptop(homelab)] if LAPTOP in homelab.mesh.clients else []))


def up(homelab: Homelab) -> None:
    """Image, networks and machines; what already runs stays. MachineError with every machine that failed."""
    wanted = specs(homelab)
    if not image.path().exists():
        with step("machine image (Debian 12, one to two minutes, kept for later)"):
            image.ensure()
    with step("networks home, internet and cafe"):
        networks.up()
    others = [partial(_again, name) for name in machine.names() if name not in {spec.name for spec in wanted}]
    if problems := together([*(partial(_start, spec) for spec in wanted), *others]):
        raise MachineError("\n".join(problems))


def down() -> list[str]:
    """Everything gone, also after a crash of anything; gives what could not be removed, one line each.

    MachineError, and nothing touched, when it is another checkout's rehearsal that runs here.
    """
    networks.require_ours()
    problems = together(partial(_end, name) for name in cgroups.names())
    holders = {paths.state(), networks.owner() or paths.state()}  # another checkout's that ended without `down` keeps its folder
    problems += together([_unmount])
    problems += together(partial(disks.detach, holder) for holder in holders)
    for act in (networks.down, _forget):
        problems += together([act])
    return sorted({*problems, *_left()})


def _left(deadline: float = 10) -> list[str]:
    """What is left for good: the kernel takes control groups and the devices of a network namespace away some time after their end."""
    with contextlib.suppress(MachineError):
        wait_until(lambda: not leftovers.find(), deadline, lambda: "something is left")
    return leftovers.find()


def together(acts: Iterable[Callable[[], None]]) -> list[str]:
    """Do all at the same time, each to its end; gives the texts of the failures."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        failures = [future.exception() for future in [pool.submit(act) for act in acts]]
    return [str(failure) for failure in failures if failure is not None]


def _own(homelab: Homelab, name: str) -> Spec:
    declared = homelab.machines[name]
    if declared.lan is None or declared.ssh is None or declared.lan.network != HOME:
        raise MachineError(f"homelab:machines.{name}: the rehearsal's own machines need `ssh` and a `lan` address in {HOME}")
    if declared.ssh.port != 22:
        raise MachineError(f"homelab:machines.{name}.ssh.port: the rehearsal's machines listen on 22 only")
    return Spec(
        name=name,
        network="home",
        address=declared.lan,
        gateway=gateway_of("home"),
        disks=tuple(Disk(disk.id, disk.serial, int(disk.size)) for disk in declared.disks),
        user=declared.ssh.user,
        authorized_key=homelab.operator.public_key,
        host_key=_key(name),
    )


def _laptop(homelab: Homelab) -> Spec:
    return Spec(LAPTOP, "cafe", LAPTOP_ADDRESS, gateway_of("cafe"), authorized_key=homelab.operator.public_key)


def _key(name: str) -> str:
    file = paths.keys() / name
    if not file.exists():
        raise MachineError(f"machine {name}: its host key is missing: {file}")
    return file.read_text()


def _start(spec: Spec) -> None:
    if machine.running(spec.name):
        machine.start(spec)
        say(f"  {spec.name}: already runs at {spec.address.ip}")
        return
    with step(f"{spec.name} ({spec.network}, {spec.address.ip})"):
        machine.start(spec)


def _again(name: str) -> None:
    """A rented machine that lost its power with the host, or by hand."""
    if not machine.running(name):
        with step(f"{name} (rented, off)"):
            machine.boot(name)


def _end(name: str) -> None:
    cgroups.kill(name)
    cgroups.remove(name)


def _unmount() -> None:
    for point in leftovers.mounts():
        run("umount", "--lazy", point)


def _forget() -> None:
    """The machines' folders side by side: together they are the greater part of the time that `down` takes."""
    roots = [all_machines() / name for name in machine.names()]
    if problems := together(partial(image.delete, path) for path in (*roots, *(paths.state() / name for name in STATE))):
        raise MachineError("; ".join(problems))
    image.delete(all_machines())
