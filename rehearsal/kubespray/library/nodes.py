"""Ansible module: labels and taints of the nodes, added where they are missing; then waits until every node is ready."""

import json
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-not-found]

KUBECTL = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")


def kubectl(*words: str) -> str:
    return subprocess.run([*KUBECTL, *words], capture_output=True, text=True, check=True).stdout


def look() -> dict[str, Any]:
    return {node["metadata"]["name"]: node for node in json.loads(kubectl("get", "nodes", "-o", "json"))["items"]}


def taint(text: str) -> dict[str, str]:
    """Of `key=value:effect` or `key:effect`."""
    key, _, effect = text.rpartition(":")
    key, _, value = key.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def patch(node: dict[str, Any], labels: dict[str, str], taints: list[str]) -> dict[str, Any]:
    """What to change on the node; nothing when it has it all."""
    known = node["spec"].get("taints", [])
    marks = {(each["key"], each["effect"]): each for each in known}
    wanted = {(each["key"], each["effect"]): each for each in map(taint, taints)}
    changes: dict[str, Any] = {}
    if any(node["metadata"]["labels"].get(key) != value for key, value in labels.items()):
        changes["metadata"] = {"labels": labels}
    if any(marks.get(key) != value for key, value in wanted.items()):
        changes["spec"] = {"taints": list((marks | wanted).values())}
    return changes


def ready(node: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", []))


def main() -> None:
    module = AnsibleModule({"nodes": {"type": "dict", "required": True}, "within": {"type": "int", "default": 180}})
    wanted, until, changed = module.params["nodes"], time.monotonic() + module.params["within"], False
    try:
        while not wanted.keys() <= look().keys() and time.monotonic() < until:
            time.sleep(0.5)
        for name, node in look().items():
            if name in wanted and (changes := patch(node, wanted[name]["labels"], wanted[name]["taints"])):
                kubectl("patch", "node", name, "--type", "merge", "--patch", json.dumps(changes))
                changed = True
        while waiting := sorted(name for name in wanted if not ready(look().get(name, {"status": {}}))):
            if time.monotonic() > until:
                module.fail_json(msg=f"not ready after {module.params['within']} s: {', '.join(waiting)}")
            time.sleep(0.5)
    except subprocess.CalledProcessError as failed:
        module.fail_json(msg=f"kubectl {' '.join(failed.cmd[3:5])}: {failed.stderr.strip()}")
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
