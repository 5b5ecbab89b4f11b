"""What the configuration of releases means, and where it contradicts itself. Pure but for reading chart folders."""

from collections.abc import Callable, Iterator
from pathlib import Path

from components.releases import charts
from components.releases.apps import APPLICATIONS
from components.releases.apps import RULES as OF_APPLICATIONS
from components.releases.hosts import PUBLIC, doors, hosts
from components.releases.selection import app_key, catalogue
from config.charts import Chart
from config.document import ROOT
from config.model import Homelab
from config.problems import Problem

INGRESS, CERTIFICATES = "homelab:ingress", "homelab:certificates"
VOLUMES, METRICS, NAMES = "homelab:volumes", "homelab:metrics", "homelab:names"


def check(homelab: Homelab, root: Path = ROOT) -> list[Problem]:
    """Every contradiction of what is to run, a rule after the other; values only where all else is well."""
    if homelab.kubernetes.kubespray is None:
        return [*_without(homelab), *_names(homelab)]
    rules: tuple[Callable[[Homelab], Iterator[Problem]], ...] = (_sources, _entrances, _certificates, _volumes, _names, *OF_APPLICATIONS)
    problems = [problem for rule in rules for problem in rule(homelab)]
    problems += _folders(homelab, root)
    return problems or [*_values(homelab, root)]


def sources(homelab: Homelab) -> Iterator[tuple[str, Chart]]:
    """Where each chart that is wanted is said to come from: path in the configuration, and what stands there."""
    said = homelab
    if said.ingress.public or said.ingress.home:
        yield f"{INGRESS}.chart", said.ingress.chart
    if said.certificates.issuer:
        yield f"{CERTIFICATES}.chart", said.certificates.chart
    for name, volumes in (("files", said.volumes.files), ("block", said.volumes.block)):
        if volumes:
            yield f"{VOLUMES}.{name}.chart", volumes.chart
    if said.metrics.server:
        yield f"{METRICS}.server.chart", said.metrics.server.chart
    for name, application in said.applications.items():
        if application.chart:
            yield f"{APPLICATIONS}.{name}.chart", application.chart


def wanted(homelab: Homelab) -> Iterator[str]:
    """Paths of all that needs a cluster."""
    said = homelab
    parts = (
        (f"{INGRESS}.public", said.ingress.public),
        (f"{INGRESS}.home", said.ingress.home),
        (f"{CERTIFICATES}.issuer", said.certificates.issuer),
        (f"{VOLUMES}.files", said.volumes.files),
        (f"{VOLUMES}.block", said.volumes.block),
        (f"{METRICS}.server", said.metrics.server),
        (APPLICATIONS, said.applications),
    )
    yield from (path for path, there in parts if there)


def _without(homelab: Homelab) -> Iterator[Problem]:
    for path in wanted(homelab):
        remedy = "add homelab:kubernetes.kubespray, or take this away"
        yield Problem(path, "there is no cluster for it to run in", remedy)


def _sources(homelab: Homelab) -> Iterator[Problem]:
    for path, chart in sources(homelab):
        kinds = [name for name, there in (("oci", chart.oci), ("repository", chart.repository), ("folder", chart.folder)) if there]
        if len(kinds) != 1:
            message = f"{' and '.join(kinds)}: which of them?" if kinds else "says from nowhere to take the chart"
            yield Problem(
                path, message, "keep one of oci, repository and folder" if kinds else "give oci, or repository and name, or folder"
            )
        elif chart.folder and (chart.version or chart.name):
            yield Problem(path, "a folder has the one version that is in it", "take version and name away")
        elif not chart.folder and not chart.version:
            yield Problem(f"{path}.version", "a chart without its version is another one tomorrow", "add version, for example 3.17.1")
        elif chart.repository and not chart.name:
            yield Problem(f"{path}.name", "a repository without the name of a chart in it", "add name, for example ceph-csi-rbd")
        elif chart.oci and chart.name:
            yield Problem(f"{path}.name", "an oci address names its chart already", "take name away")


def _folders(homelab: Homelab, root: Path) -> Iterator[Problem]:
    for path, chart in sources(homelab):
        if chart.folder:
            try:
                charts.read(chart.folder, root)
            except charts.Unreadable as error:
                remedy = "name the folder that has the chart's Chart.yaml, from the project's folder on"
                yield Problem(f"{path}.folder", f"{chart.folder} is no chart: {error}", remedy)


def _entrances(homelab: Homelab) -> Iterator[Problem]:
    said = homelab.ingress
    if said.public and not doors(homelab, PUBLIC):
        yield Problem(f"{INGRESS}.public", "there is no rented machine to let the world in", "rent one, or take it away")
    if (said.public or said.home) and not homelab.certificates.issuer:
        message = "web pages without certificates: applications are reached by https only"
        yield Problem(f"{CERTIFICATES}.issuer", message, "add issuer: letsencrypt, or private for the stack's own authority")


def _certificates(homelab: Homelab) -> Iterator[Problem]:
    issuer = homelab.certificates.issuer
    if issuer and issuer != "private" and not homelab.ingress.public:
        message = f"{issuer} looks at a page from the Internet before it signs, and nothing lets it in"
        yield Problem(f"{CERTIFICATES}.issuer", message, "add homelab:ingress.public, or write issuer: private")
    if homelab.certificates.email and not issuer:
        yield Problem(f"{CERTIFICATES}.email", "without issuer there are no certificates", "add issuer: letsencrypt, or take it away")


def _volumes(homelab: Homelab) -> Iterator[Problem]:
    storage = homelab.storage
    if homelab.volumes.files and not storage.filesystem:
        yield Problem(f"{VOLUMES}.files", "there is no file system to make volumes on", "add homelab:storage.filesystem, or take it away")
    if homelab.volumes.block and not storage.block:
        yield Problem(f"{VOLUMES}.block", "there are no block devices to make volumes of", "add homelab:storage.block, or take it away")


def _names(homelab: Homelab) -> Iterator[Problem]:
    said = homelab.names
    if said.zone == "existing" and said.dns != "vultr":
        yield Problem(f"{NAMES}.zone", "says whose zone it is where no records are made", "add dns: vultr, or take zone away")
    if said.dns == "vultr" and not doors(homelab, PUBLIC):
        message = "there is no entrance for the world that records could name"
        yield Problem(f"{NAMES}.dns", message, "add homelab:ingress.public and a rented machine, or write dns: printed")
    machines = {f"{name}.{homelab.domain}": name for name in homelab.machines}
    first: dict[str, str] = {}
    for name, host in hosts(homelab).items():
        path = f"{APPLICATIONS}.{name}.host"
        if host.name in machines:
            yield Problem(path, f"{host.name} is the machine {machines[host.name]}", "choose another host")
        other = first.setdefault(host.name, name)
        if other != name:
            yield Problem(path, f"{host.name} is the name of {other} too", "choose another host for one of the two")


def _values(homelab: Homelab, root: Path) -> Iterator[Problem]:
    """What local charts do not take, as Helm would say it in the middle of a run."""
    from components.releases.values import faults  # a twentieth of a second, which those without local charts need not wait

    said = dict(sources_by_release(homelab))
    for key, release in catalogue(homelab, root).items():
        if not release.version:
            chart = charts.read(release.chart.removeprefix("./"), root)
            for where, what, advice in faults(chart, release.values):
                yield Problem(f"{said[key]} ({release.chart.removeprefix('./')})", f"{where}: {what}", advice)


def sources_by_release(homelab: Homelab) -> Iterator[tuple[str, str]]:
    """Key of a release -> what of the configuration its values follow from."""
    yield from (("certificates", CERTIFICATES), ("ingress-public", f"{INGRESS}.public"), ("ingress-home", f"{INGRESS}.home"))
    yield from (("files", f"{VOLUMES}.files"), ("block", f"{VOLUMES}.block"), ("metrics", f"{METRICS}.server"))
    yield from ((app_key(name), f"{APPLICATIONS}.{name}") for name in homelab.applications)
