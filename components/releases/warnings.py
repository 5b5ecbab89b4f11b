"""What is allowed and still should be known, for the report and the preview. Pure."""

from collections.abc import Iterator, Sequence

from components.releases.hosts import hosts
from components.releases.naming import plan as naming
from config.model import Homelab


def warnings(homelab: Homelab) -> Sequence[str]:
    """A sentence or two each; of a configuration with a cluster."""
    rules = (_nowhere, _bound, _kept_nowhere, _records, _trust)
    return [line for rule in rules for line in rule(homelab)]


def _nowhere(homelab: Homelab) -> Iterator[str]:
    """Applications that nobody outside of the cluster reaches."""
    lost = [name for name, host in hosts(homelab).items() if not host.entrances]
    if lost:
        yield f"{', '.join(lost)}: reached inside the cluster only, for no entrance of homelab:ingress lets requests in."


def _bound(homelab: Homelab) -> Iterator[str]:
    for name, said in homelab.applications.items():
        what = [*said.devices, *(["the machine's own network"] if said.host_network else [])]
        if what and not said.machine and said.chart is None:
            yield f"{name} uses {', '.join(what)} and may start on any own machine: write `machine` to say which."


def _kept_nowhere(homelab: Homelab) -> Iterator[str]:
    names = [name for name, said in homelab.applications.items() if said.kind != "application" and said.chart is None and not said.data]
    if names:
        yield f"{', '.join(names)}: without `data`, so what it is told is forgotten whenever its pod is made anew."


def _records(homelab: Homelab) -> Iterator[str]:
    names = naming(homelab)
    if names.dns == "vultr" and names.elsewhere:
        yield f"{', '.join(names.elsewhere)}: not of {homelab.domain}, so its record is yours to enter (output `names`)."
    if names.dns == "printed" and names.public:
        yield f"{', '.join(names.public)}: enter the records of the output `names` where your domain is kept."


def _trust(homelab: Homelab) -> Iterator[str]:
    said = homelab.certificates
    at_home = [host.name for host in hosts(homelab).values() if host.entrances and (not host.public or said.issuer == "private")]
    if said.issuer and at_home:
        yield (
            f"{', '.join(sorted(at_home))}: signed by the stack's own authority, whom browsers trust when you have added its certificate "
            "(output `certificateAuthority`)."
        )
