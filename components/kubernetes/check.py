"""What the cluster's configuration means, and where it contradicts itself. Pure."""

from collections.abc import Iterator

from components.kubernetes.inventory import groups
from components.kubernetes.refused import why
from components.kubernetes.releases import can, span, supported
from components.kubernetes.variables import NODE_PREFIX
from components.storage.memory import MIB
from config.kubernetes import Kubespray
from config.model import Homelab
from config.problems import Problem

KUBERNETES = "homelab:kubernetes"
KUBESPRAY = f"{KUBERNETES}.kubespray"
LEAST_CONTROL_PLANE, LEAST_NODE = 1500 * MIB, 1024 * MIB
"""Bytes of memory below which Kubespray stops."""

WIDEST, NARROWEST = 12, 27
"""Prefixes of the services' network: what an API server takes, and what leaves room for more than a handful of services."""


def check(homelab: Homelab) -> list[Problem]:
    """Every contradiction of the cluster, a rule after the other."""
    if homelab.kubernetes.kubespray is None:
        return [*_without(homelab)]
    rules = (_source, _version, _runner, _context, _networks, _memory, _variables)
    return [problem for rule in rules for problem in rule(homelab, homelab.kubernetes.kubespray)]


def _without(homelab: Homelab) -> Iterator[Problem]:
    """What makes no sense without a cluster; networks do, for the firewall and the checks of overlap."""
    said = homelab.kubernetes
    for key, there in (("runner", said.runner), ("context", said.context), ("variables", said.variables)):
        if there:
            remedy = "add kubespray: {version: v2.31.0, checksum: …}, or take it away"
            yield Problem(f"{KUBERNETES}.{key}", f"{key} without kubespray: there is no cluster", remedy)


def _source(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    release = said.version or said.checksum
    if release and said.folder:
        yield Problem(KUBESPRAY, "both a release and a folder", "keep either version and checksum, or folder")
    elif not release and not said.folder:
        yield Problem(KUBESPRAY, "neither a release nor a folder", "give version and checksum, or folder")
    elif release and not said.version:
        yield Problem(f"{KUBESPRAY}.version", "a checksum without the release it is of", "add version, for example v2.31.0")
    elif release and not said.checksum:
        remedy = f"add what `sha256sum` prints for {said.version}.tar.gz, once you trust it: sha256:…"
        yield Problem(f"{KUBESPRAY}.checksum", "missing: what the runner downloads must be what you have looked at", remedy)


def _version(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    known = supported(said)
    if known and not can(known, homelab.kubernetes.version):
        message = f"Kubespray {said.version} installs Kubernetes {span(known)}, not {homelab.kubernetes.version}"
        yield Problem(f"{KUBERNETES}.version", message, "choose one of these, or another release of Kubespray")


def _runner(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    yield from _own(homelab, "runner", homelab.kubernetes.runner, control_plane=False)


def _context(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    yield from _own(homelab, "context", homelab.kubernetes.context, control_plane=True)


def _own(homelab: Homelab, key: str, name: str | None, control_plane: bool) -> Iterator[Problem]:
    fit = [other for other, machine in homelab.machines.items() if not machine.rented and (machine.control_plane or not control_plane)]
    if name is not None and name not in fit:
        kind = "own machine of the control plane" if control_plane else "own machine"
        yield Problem(f"{KUBERNETES}.{key}", f"{name} is no {kind}", f"choose one of {', '.join(fit)}" if fit else "add one")


def _networks(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    pods, services = homelab.kubernetes.pods, homelab.kubernetes.services
    room = 2 ** (NODE_PREFIX - pods.prefixlen) if pods.prefixlen <= NODE_PREFIX else 0
    if room < len(homelab.machines):
        message = f"{pods} has room for {room} machines of 256 addresses each, and there are {len(homelab.machines)}"
        wanted = NODE_PREFIX - (len(homelab.machines) - 1).bit_length()
        example = "10.233.64.0/18" if wanted >= 18 else "10.232.0.0/16"
        yield Problem(f"{KUBERNETES}.pods", message, f"take a /{wanted} or larger, for example {example}")
    if not WIDEST <= services.prefixlen <= NARROWEST:
        message = f"{services} is too {'large' if services.prefixlen < WIDEST else 'small'} for services"
        yield Problem(f"{KUBERNETES}.services", message, f"take a prefix between /{WIDEST} and /{NARROWEST}, for example 10.233.0.0/18")


def _memory(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    for name, machine in homelab.machines.items():
        least = LEAST_CONTROL_PLANE if machine.control_plane else LEAST_NODE
        if machine.memory is not None and machine.memory < least and groups(machine):
            kind = "a control-plane machine" if machine.control_plane else "a node"
            where = f"homelab:machines.{name}" + ("" if machine.rented else ".memory")
            yield Problem(where, f"{machine.memory} is too little for {kind}: Kubespray wants {least // MIB} MiB", "take a larger one")


def _variables(homelab: Homelab, said: Kubespray) -> Iterator[Problem]:
    for name, value in homelab.kubernetes.variables.items():
        if found := why(name, value):
            yield Problem(f"{KUBERNETES}.variables.{name}", *found)
