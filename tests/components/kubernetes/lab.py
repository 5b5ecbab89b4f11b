"""Stacks with a cluster, for the tests beside this file."""

from functools import cache
from typing import Any

from pydantic import SecretStr

from components.kubernetes.check import check
from components.kubernetes.plan import KubernetesPlan, plan
from config.identities import new_host_key
from config.kubernetes import Kubernetes
from config.model import Homelab
from config.stack import read
from tests.components.releases.lab import nothing_runs

CHECKSUM = "sha256:" + "0123456789abcdef" * 4
RELEASE = {"version": "v2.31.0", "checksum": CHECKSUM}


def lab(stack: str = "home", machines: Any = None, **said: Any) -> Homelab:
    """A stack file with another topic `kubernetes`, and `machines` as a function of it gives them."""
    homelab = _read(stack)
    plain = {"kubespray": RELEASE, "pods": "10.233.64.0/18", "services": "10.233.0.0/18", **said}
    found = machines(dict(homelab.machines)) if machines else homelab.machines
    keys = {name: _key() for name, machine in found.items() if machine.rented}
    identities = homelab.identities.model_copy(update={"rented_host_keys": keys})
    nothing = {} if plain["kubespray"] else nothing_runs(homelab)
    update = {**nothing, "kubernetes": Kubernetes.model_validate(plain), "machines": found, "identities": identities}
    return homelab.model_copy(update=update)


def planned(stack: str = "home", machines: Any = None, **said: Any) -> KubernetesPlan:
    """The cluster's plan alone."""
    homelab = lab(stack, machines, **said)
    assert not check(homelab)
    return plan(homelab)


@cache
def _read(stack: str) -> Homelab:
    return read(stack)


@cache
def _key() -> SecretStr:
    return SecretStr(new_host_key())
