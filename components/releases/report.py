"""What runs in the cluster as people read it: tables for `make plan`, small documents for the stack's outputs. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from components.releases.hosts import HOME, PUBLIC, Host
from components.releases.plan import ReleasesPlan
from components.releases.selection import Release, issuer_key

FROM = {(PUBLIC, HOME): "everywhere", (PUBLIC,): "the Internet", (HOME,): "LAN and mesh", (): "the cluster"}


def text(plan: ReleasesPlan) -> str:
    """Tables: releases in order, applications and their URLs, records to enter, lines for a router; then warnings. Empty without any."""
    if not plan.enabled:
        return ""
    parts = [_releases(plan), _applications(plan), _names(plan), "\n".join(_numbered(plan.warnings))]
    return "\n\n".join(part for part in parts if part)


def document(plan: ReleasesPlan) -> dict[str, dict[str, str]]:
    """The releases for the stack's outputs: key -> what it is, where it is, from where it comes."""
    return {key: {"release": f"{release.namespace}/{release.name}", "chart": _source(release)} for key, release in plan.releases.items()}


def urls(plan: ReleasesPlan) -> dict[str, dict[str, str]]:
    """Application -> {"url", "from", "signedBy"}, for the stack's outputs; the table of `make up`."""
    return {
        app: {"url": url, "from": reached(host), "signedBy": plan.signers[app]}
        for app, host in plan.hosts.items()
        if (url := plan.url(app))
    }


def table(said: dict[str, dict[str, Any]]) -> str:
    """What `urls` gave as a table; empty without any."""
    rows = [[app, one["url"], one["from"], one["signedBy"]] for app, one in said.items()]
    return tabulate(rows, headers=["application", "URL", "reached from", "signed by"], disable_numparse=True) if rows else ""


def reached(host: Host) -> str:
    """From where, in words."""
    return FROM[tuple(host.entrances)]


def _releases(plan: ReleasesPlan) -> str:
    rows = [
        [f"{release.namespace}/{release.name}", _source(release), ", ".join(need for need in release.needs if _known(plan, need))]
        for release in plan.releases.values()
    ]
    return tabulate(rows, headers=["release", "chart", "after"], disable_numparse=True)


def _known(plan: ReleasesPlan, need: str) -> bool:
    return need in plan.releases or need in map(issuer_key, plan.issuers)


def _source(release: Release) -> str:
    where = f"{release.repository.rstrip('/')}/{release.chart}" if release.repository else release.chart.removeprefix("./")
    return f"{where} {release.version}" if release.version else where


def _applications(plan: ReleasesPlan) -> str:
    return table(urls(plan))


def _names(plan: ReleasesPlan) -> str:
    names = plan.names
    lines = [f"{name}: {'made at Vultr' if names.dns == 'vultr' and name in names.records else 'yours to enter'}" for name in names.public]
    records = [f"Records at the addresses of {', '.join(names.entrances)}:", *(f"  {line}" for line in lines)] if lines else []
    routers = [f"  {line}" for near in names.lan.values() for line in names.router_lines(near)]
    return "\n".join([*records, *(["For a router with dnsmasq, so that its LAN finds the own machines:", *routers] if routers else [])])


def _numbered(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "To know:"
    yield from (f"  {number}. {line}" for number, line in enumerate(lines, 1))
