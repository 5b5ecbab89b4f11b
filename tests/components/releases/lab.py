"""Stacks with something that runs in the cluster, for the tests beside this file and of the features below."""

from typing import Any

from pydantic import SecretStr

from components.releases.check import check
from components.releases.plan import ReleasesPlan, plan
from config.authority import Authority, new_certificate, new_key
from config.model import Homelab, Topics
from config.stack import read

KEY = new_key()
CERTIFICATE = new_certificate(KEY, "example.net")
RUNNING = ("ingress", "certificates", "volumes", "metrics", "applications", "backup")


def nothing_runs(homelab: Homelab) -> dict[str, Any]:
    """What to update in a lab that has no cluster, or no storage below it."""
    nothing = {topic: said({}) for topic in RUNNING if (said := getattr(type(getattr(homelab, topic)), "model_validate", dict))}
    return {**nothing, "names": homelab.names.model_copy(update={"dns": "printed", "zone": "made"})}


def lab(stack: str = "home", secrets: dict[str, dict[str, str]] | None = None, **topics: Any) -> Homelab:
    """A stack file with other topics, as they would stand there; a known authority and secrets of applications."""
    homelab = read(stack)
    said = homelab.model_dump(by_alias=True, include={*Topics.model_fields})
    understood = Topics.model_validate({**said, **topics})
    update = {name: getattr(understood, name) for name in topics}
    signs = Authority(key=SecretStr(KEY), certificate=CERTIFICATE) if understood.certificates.issuer else None
    update["identities"] = homelab.identities.model_copy(update={"authority": signs})
    update["application_secrets"] = {app: {name: SecretStr(text) for name, text in said.items()} for app, said in (secrets or {}).items()}
    return homelab.model_copy(update=update)


def planned(stack: str = "home", secrets: dict[str, dict[str, str]] | None = None, **topics: Any) -> ReleasesPlan:
    """What runs, alone."""
    homelab = lab(stack, secrets, **topics)
    assert not check(homelab)
    return plan(homelab)


def problems(stack: str = "home", secrets: dict[str, dict[str, str]] | None = None, **topics: Any) -> dict[str, str]:
    """Path -> what is wrong there."""
    return {problem.path: problem.message for problem in check(lab(stack, secrets, **topics))}


def app(**said: Any) -> dict[str, Any]:
    """One small application, by the program's own chart."""
    return {"one": {"image": "registry.example/one:1.0", "port": 8080, **said}}
