"""The only reader of Pulumi's configuration."""

import json

import pulumi
from pulumi.runtime import config as stack_config

from config.document import ROOT
from config.model import Homelab
from config.problems import Problem, Refused
from config.stack import PREFIX, SECRETS, in_plain_text, parse, read

__all__ = ["load", "parse", "read"]


def load() -> Homelab:
    """Every `homelab:*` key of the stack that runs, understood. Raises Refused with all problems of form.

    A preview does without identities and says so once; an update needs them.
    """
    stack, preview = pulumi.get_stack(), pulumi.runtime.is_dry_run()
    texts = {key.removeprefix(PREFIX): text for key, text in stack_config.CONFIG.get().items() if key.startswith(PREFIX)}
    topics = {name: _value(text) for name, text in texts.items() if name not in SECRETS}
    secrets = {name: texts[name] for name in SECRETS if texts.get(name)}
    try:
        homelab = parse(stack, topics, secrets, preview, ROOT)
    except Refused as refused:
        raise Refused(stack, [*_kept_badly(texts, stack), *refused.problems]) from None
    if problems := _kept_badly(texts, stack):
        raise Refused(stack, problems)
    if homelab.identities.missing:
        names = ", ".join(homelab.identities.missing)
        pulumi.log.warn(f"No identities yet for {names}: this preview shows placeholders. `make init STACK={stack}` makes them.")
    return homelab


def _kept_badly(texts: dict[str, str], stack: str) -> list[Problem]:
    """Private keys that are readable, and plain topics that hold secrets, which would reach the state unwrapped."""
    readable = [in_plain_text(name, stack) for name in SECRETS if texts.get(name) and not _is_secret(name)]
    advice = f"write it plainly; only {' and '.join(SECRETS)} are secret"
    hidden = [name for name in texts if name not in SECRETS and _is_secret(name)]
    return readable + [Problem(f"{PREFIX}{name}", "encrypted, or with an encrypted value inside", advice) for name in hidden]


def _is_secret(name: str) -> bool:
    return bool(stack_config.is_config_secret(PREFIX + name))


def _value(text: str) -> object:
    """Objects, lists and quoted texts arrive as JSON, plain texts as they are."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list | str) else text
