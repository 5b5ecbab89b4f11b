"""homelab:names: who the machines ask for names and for the time, and where the applications' names are published."""

from typing import Literal

from pydantic import Field

from config.base import Model
from config.types import Address, TimeServer

POOL = tuple(f"{number}.pool.ntp.org" for number in range(4))


class Names(Model):
    """Without name servers each machine keeps those it has."""

    name_servers: tuple[Address, ...] = Field((), description="Name servers of all machines; none: each keeps its own")
    time_servers: tuple[TimeServer, ...] = Field(POOL, min_length=1, description="Time servers of all machines, names or addresses")
    dns: Literal["vultr", "printed"] = Field(
        "printed", description="Where the world finds public names: vultr makes the records there; printed lists them for you to enter"
    )
    zone: Literal["made", "existing"] = Field(
        "made", description="With dns: vultr: whether the domain's zone is made there, or exists already and gets the records only"
    )
    lan_server: bool = Field(True, description="Whether own machines answer for the applications' names in their LAN")
