"""Never buy the same server twice: asked of Vultr itself, because a killed run leaves a server that no state knows."""

import asyncio
from typing import Protocol

import ediri_vultr as vultr
import pulumi

GONE_WITHIN, PAUSE = 60, 5
"""Seconds that a server deleted a moment ago (a replacement) may still be listed, and between two questions."""


class Server(Protocol):
    """What is told of a server that exists."""

    @property
    def id(self) -> str: ...
    @property
    def main_ip(self) -> str: ...
    @property
    def date_created(self) -> str: ...


def verdict(label: str, found: Server | None, error: str, urn: str) -> str | None:
    """None when no server has this label; else why creating one is refused. Pure.

    `found`: the server that Vultr told of; `error`: what it said in place of one; `urn`: of the resource to be created. ediri-vultr says
    "no results were found" for none, and that the search "returned too many results" for several.
    """
    if found is None and "no results" in error:
        return None
    if found is None and "too many results" not in error:
        return f"cannot find out whether a server labelled {label} exists already, so none is bought. Vultr said: {error}"
    if found is None:
        return f"more than one server labelled {label} exists at Vultr: none is bought. Delete all but one in Vultr's panel, run again."
    return (
        f"a server labelled {label} exists at Vultr but not in this stack: {found.id} at {found.main_ip}, since {found.date_created}. "
        "A second one is not bought.\n"
        "  If a run was killed while it was bought, nothing is on it: delete it in Vultr's panel, run again.\n"
        f"  If it is in use, adopt it:  {adoption(found.id, urn)}\n"
        "  A server that was deleted a moment ago may still be listed: then just run again."
    )


def adoption(server: str, urn: str) -> str:
    """The command that puts an existing server into the place of the resource `urn`, under its parent, without changing it."""
    head, kind, name = urn.rsplit("::", 2)
    parent = name.removesuffix("-server")
    return (
        f"pulumi import vultr:index/instance:Instance {name} {server} --parent {parent}='{head}::{kind.rsplit('$', 1)[0]}::{parent}' "
        "--protect=false --generate-code=false"
    )


def refuse_second(name: str, label: str) -> pulumi.ResourceHook:
    """The before-create hook of a server: fails the creation when Vultr knows a server with this label."""

    async def ask(about: pulumi.ResourceHookArgs) -> None:
        for left in range(GONE_WITHIN, -1, -PAUSE):
            trouble = verdict(label, *look_up(label), about.urn)
            if trouble is None:
                return
            if left < PAUSE:
                raise RuntimeError(trouble)
            pulumi.log.info(f"a server labelled {label} is listed at Vultr; waiting up to {left} s for it to go", ephemeral=True)
            await asyncio.sleep(PAUSE)

    return pulumi.ResourceHook(name, ask)


def look_up(label: str) -> tuple[vultr.AwaitableGetInstanceResult | None, str]:
    """The one server with this label, or None and what Vultr said."""
    try:
        return vultr.get_instance(filters=[{"name": "label", "values": [label]}]), ""
    except Exception as problem:  # the SDK raises the bare class for "no results" too
        return None, str(problem)
