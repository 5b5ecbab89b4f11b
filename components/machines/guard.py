"""Never buy the same server twice: asked of Vultr itself, because a killed run leaves a server that no state knows."""

import asyncio
from typing import Protocol

import ediri_vultr as vultr
import pulumi

GONE_WITHIN, PAUSE = 15, 3
"""Seconds that a server deleted a moment ago (a replacement) may still be listed, and between two questions."""


class Server(Protocol):
    """What is told of a server that exists."""

    @property
    def id(self) -> str: ...
    @property
    def main_ip(self) -> str: ...
    @property
    def date_created(self) -> str: ...


def verdict(label: str, found: Server | None, error: str) -> str | None:
    """None when no server has this label; else why creating one is refused. Pure.

    `found`: the server that Vultr told of; `error`: what it said in place of one. ediri-vultr says "no results were found" for none, and
    that the search "returned too many results" for several.
    """
    if found is None and "no results" in error:
        return None
    if found is None and "too many results" not in error:
        return f"cannot find out whether a server labelled {label} exists already, so none is bought. Vultr said: {error}"
    one = f"server {found.id} ({found.main_ip}, since {found.date_created})" if found else "more than one server"
    adopt = f"adopt it:  pulumi import vultr:index/instance:Instance NAME {found.id}" if found else "keep at most one of them"
    return (
        f"{one} labelled {label} exists at Vultr but not in this stack, most likely from a killed run: a second one is not bought.\n"
        f"  Either {adopt}\n  or delete it in Vultr's panel (this stack never used it), then run again."
    )


def refuse_second(name: str, label: str) -> pulumi.ResourceHook:
    """The before-create hook of a server: fails the creation when Vultr knows a server with this label."""

    async def ask(_: pulumi.ResourceHookArgs) -> None:
        for waited in range(0, GONE_WITHIN + 1, PAUSE):
            trouble = verdict(label, *look_up(label))
            if trouble is None:
                return
            if waited + PAUSE > GONE_WITHIN:
                raise RuntimeError(trouble)
            await asyncio.sleep(PAUSE)

    return pulumi.ResourceHook(name, ask)


def look_up(label: str) -> tuple[vultr.AwaitableGetInstanceResult | None, str]:
    """The one server with this label, or None and what Vultr said."""
    try:
        return vultr.get_instance(filters=[{"name": "label", "values": [label]}]), ""
    except Exception as problem:  # the SDK raises the bare class for "no results" too
        return None, str(problem)
