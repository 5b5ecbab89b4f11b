"""Never buy the same server twice: asked of Vultr itself, because a killed run leaves a server that no state knows."""

import asyncio
from collections.abc import Mapping
from typing import Any

import ediri_vultr as vultr
import pulumi

GONE_WITHIN = 30
"""Seconds that a server deleted a moment ago (a replacement) may still be listed."""


def verdict(label: str, found: Mapping[str, Any] | None, error: str) -> str | None:
    """None when no server has this label; else why creating one is refused. Pure.

    `found`: the server that Vultr told of; `error`: what it said in place of one. ediri-vultr says "no results were found" for none, and
    that the search "returned too many results" for several.
    """
    if found is None and "no results" in error:
        return None
    if found is None and "too many results" not in error:
        return f"cannot find out whether a server labelled {label} exists already, so none is bought. Vultr said: {error}"
    one = f"server {found['id']} ({found['mainIp']}, since {found['dateCreated']})" if found else "more than one server"
    adopt = f"adopt it:  pulumi import vultr:index/instance:Instance NAME {found['id']}" if found else "keep at most one of them"
    return (
        f"{one} labelled {label} exists at Vultr but not in this stack, most likely from a run that was killed. A second one is not bought.\n"
        f"  Either {adopt}\n  or delete it in Vultr's panel (it was never used by this stack), then run again."
    )


def refuse_second(name: str, label: str) -> pulumi.ResourceHook:
    """The before-create hook of a server: fails the creation when Vultr knows a server with this label."""

    async def ask(_: pulumi.ResourceHookArgs) -> None:
        for left in range(GONE_WITHIN, -1, -3):
            trouble = verdict(label, *await _look_up(label))
            if trouble is None:
                return
            if not left:
                raise RuntimeError(trouble)
            await asyncio.sleep(3)

    return pulumi.ResourceHook(name, ask)


async def _look_up(label: str) -> tuple[Mapping[str, Any] | None, str]:
    raise NotImplementedError(vultr)
