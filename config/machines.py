"""homelab:machines: the operator's own machines and the rented ones."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from config.base import FrozenMapping, Model
from config.types import DiskId, Ed25519PublicKey, HostName, LabelKey, LabelValue, Lan, Serial, Size, Taints, Text

Image = Literal["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"]
OS_IDS: dict[str, int] = {"debian-12": 2136, "debian-13": 2625, "ubuntu-22.04": 1743, "ubuntu-24.04": 2284}
_PLAN = re.compile(r"-(?P<cpus>\d+)c-(?P<gib>\d+)gb")

UserName = Annotated[Text, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Region = Annotated[Text, Field(pattern=r"^[a-z]{3}$")]
PlanName = Annotated[Text, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$")]
Bay = Annotated[Text, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


class Ssh(Model):
    """The account the program logs in with: root, or one with sudo and no password asked."""

    user: UserName = Field("root", description="root, or a user who may sudo without a password")
    port: int = Field(22, ge=1, le=65535, description="TCP port of sshd")
    host_key: Ed25519PublicKey | None = Field(None, description="The machine's ed25519 host key: ssh-ed25519 AAAA…")


class Vultr(Model):
    """A rented machine. `region`, `plan` and `image` are fixed at purchase: a change means another machine."""

    region: Region = Field(description="Vultr's name of a region, three letters: ord, ams, …")
    plan: PlanName = Field(description="Vultr's name of a plan: vc2-2c-4gb, …")
    image: Image = Field(description="Operating system")
    protect: bool = Field(True, description="Whether Pulumi refuses to delete the machine and its address")
    ipv6: bool = Field(True, description="Whether it gets an IPv6 address too")

    @property
    def os_id(self) -> int:
        """Vultr's number of the image."""
        return OS_IDS[self.image]

    @property
    def cpus(self) -> int | None:
        """Processor cores as the plan's name says them, if it does."""
        form = _PLAN.search(self.plan)
        return int(form["cpus"]) if form else None

    @property
    def memory(self) -> Size | None:
        """Memory as the plan's name says it, if it does."""
        form = _PLAN.search(self.plan)
        return Size(int(form["gib"]) * 1024**3) if form else None


class Disk(Model):
    """One disk that the lab may use whole."""

    id: DiskId = Field(description="Its name under /dev/disk/by-id")
    serial: Serial = Field(description="The serial number printed on it")
    size: Size = Field(description="Its size as sold, for example 4TB")
    bay: Bay | None = Field(None, description="Where it sits, for the person who must pull it out")


def _vultr(data: dict[str, Any]) -> Vultr | None:
    vultr = data.get("vultr")
    return vultr if isinstance(vultr, Vultr) else None


def _plan_cpus(data: dict[str, Any]) -> int | None:
    vultr = _vultr(data)
    return vultr.cpus if vultr else None


def _plan_memory(data: dict[str, Any]) -> Size | None:
    vultr = _vultr(data)
    return vultr.memory if vultr else None


class Machine(Model):
    """Own (`lan` and `ssh`) or rented (`vultr`)."""

    site: HostName = Field(description="The place it stands in; machines of one site share a LAN")
    lan: Lan | None = Field(None, description="Own machine: its address in the LAN and the prefix, for example 192.168.1.10/24")
    ssh: Ssh | None = Field(None, description="Own machine: how to log in")
    vultr: Vultr | None = Field(None, description="Rented machine: what to rent at Vultr")
    control_plane: bool = Field(True, description="Whether it is a member of etcd and the control plane; of these there is an odd number")
    cpus: int | None = Field(default_factory=_plan_cpus, ge=1, description="Threads of its processor; a Vultr plan's name tells its own")
    memory: Size | None = Field(default_factory=_plan_memory, description="Memory, for example 32GiB; a Vultr plan's name tells its own")
    disks: tuple[Disk, ...] = Field((), description="Disks for storage; the system disk is not one of them")
    labels: FrozenMapping[LabelKey, LabelValue] = Field({}, description="Kubernetes labels of the node")
    taints: tuple[Taints, ...] = Field((), description="Kubernetes taints of the node, for example cloud:NoSchedule")

    @property
    def rented(self) -> bool:
        """Whether the machine is bought by the program, and gone when it is deleted."""
        return self.vultr is not None

    @property
    def repels(self) -> bool:
        """Whether pods that do not say otherwise are kept from it, by a taint."""
        return any(taint.effect != "PreferNoSchedule" for taint in self.taints)

    @property
    def works(self) -> bool:
        """Whether it is for pods at all: what is at home is; a rented machine only when it is nothing else."""
        return not self.rented or not self.control_plane
