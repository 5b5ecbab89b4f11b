"""Drop from the state what lived on a machine that is gone: `python -m commands.forget STACK MACHINE`. Touches nothing but the state.

`pulumi state delete --target-dependents` would also drop every resource of the other machines that waits for this one; here only the
machine's anchor goes and what shares its fate (`deletedWith`); with the runner's, the cluster's and what runs in it. If it does still, the
next run takes it over; if not, it is installed anew instead of being taken for there.
"""

import copy
import json
import sys
from typing import Any

from commands.stack import pulumi


class Unknown(Exception):
    """No such machine in the state; the text lists those there are."""


def forget(state: dict[str, Any], machine: str) -> tuple[dict[str, Any], list[str]]:
    """The exported state without the machine's system, and the names that were dropped. Pure. Raises Unknown.

    The reserved address, the SSH key and the firewall group of a rented machine stay: the next server takes them over.
    """
    state = copy.deepcopy(state)
    deployment = state["deployment"]
    resources = deployment.get("resources", [])
    gone = {_anchor(resources, machine)}
    for resource in resources:  # in the state what is named stands before what names it
        if resource.get("deletedWith") in gone:
            gone.add(resource["urn"])
    deployment["resources"] = [_without(resource, gone) for resource in resources if resource["urn"] not in gone]
    pending = deployment.get("pending_operations") or []
    deployment["pending_operations"] = [one for one in pending if one["resource"]["urn"] not in gone]
    return state, sorted(urn.rsplit("::", 1)[1] for urn in gone)


def _anchor(resources: list[dict[str, Any]], machine: str) -> str:
    by_name = {resource["urn"].rsplit("::", 1)[1]: resource["urn"] for resource in resources}
    for name in (f"fleet-{machine}-server", f"fleet-{machine}-contact"):
        if name in by_name:
            return str(by_name[name])
    known = sorted(name.removeprefix("fleet-").removesuffix("-contact") for name in by_name if name.endswith("-contact"))
    raise Unknown(f"the state has no machine {machine!r}, only {', '.join(known) or 'none'}")


def _without(resource: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """The resource with every reference to what is gone removed: the engine refuses a state that names unknown resources."""
    for key in ("dependencies", "replaceWith"):
        if key in resource:
            resource[key] = [urn for urn in resource[key] if urn not in gone]
    if "propertyDependencies" in resource:
        resource["propertyDependencies"] = {
            key: [urn for urn in urns or [] if urn not in gone] for key, urns in resource["propertyDependencies"].items()
        }
    return resource


def main(stack: str, machine: str) -> int:
    state = json.loads(pulumi(stack, "stack", "export"))
    try:
        left, dropped = forget(state, machine)
    except Unknown as error:
        sys.exit(f"stack {stack}: {error}")
    pulumi(stack, "stack", "import", stdin=json.dumps(left))
    print(f"{machine} is forgotten: {len(dropped)} resources left the state ({', '.join(dropped)}). Nothing else was touched.")
    print(f"`make up STACK={stack}` makes it anew; take it out of the configuration first if it is not to come back.")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or not all(sys.argv[1:]):
        sys.exit("usage: make forget MACHINE=NAME [STACK=dev]")
    sys.exit(main(*sys.argv[1:]))
