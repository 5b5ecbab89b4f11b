"""helm.v3.Release as the program relies on it: what an edit means, and what a failed or killed run leaves behind."""

import gzip
import os
import signal
from base64 import b64decode
from pathlib import Path

import pytest

from tests.rehearsal.engine.stack import until
from tests.rehearsal.plugins.kubernetes.conftest import Lab

pytestmark = pytest.mark.engine

HELLO = "release(values=dict(greeting='hello'))"
BYE = "release(values=dict(greeting='bye'))"
STUCK = "release(values=dict(greeting='stuck', replicas=1), timeout=600)"  # no pod ever runs here
NEVER_READY = "release(values=dict(greeting='bye', replicas=1))"


def test_a_release_is_installed_and_then_left_alone(lab: Lab) -> None:
    made = lab.up(HELLO)
    assert made.operations == {"namespace": "create", "shop": "create"}
    assert lab.stack.state()["shop"]["outputs"]["status"]["revision"] == 1
    assert (lab.greeting(), lab.revisions()) == ("hello", {"1": "deployed"})
    assert set(lab.up(HELLO).operations.values()) == {"same"}
    lab.stack.refresh()
    assert set(lab.up(HELLO).operations.values()) == {"same"}


def test_changed_values_upgrade_it_in_place(lab: Lab) -> None:
    lab.up(HELLO)
    assert lab.up(BYE).operations == {"namespace": "same", "shop": "update"}
    assert (lab.greeting(), lab.revisions()) == ("bye", {"1": "superseded", "2": "deployed"})


def test_an_edited_chart_is_not_noticed_but_its_digest_in_the_values_is(lab: Lab) -> None:
    lab.up("release(values=dict(chartDigest='one'))")
    template = lab.chart / "templates" / "configmap.yaml"
    template.write_text(template.read_text().replace("edition: first", "edition: second"))
    assert lab.up("release(values=dict(chartDigest='one'))").operations["shop"] == "same"
    assert lab.up("release(values=dict(chartDigest='two'))").operations["shop"] == "update"
    found = lab.get("configmap", "shop")
    assert (found["data"]["edition"], found["metadata"]["annotations"]["digest"]) == ("second", "two")


def test_a_value_taken_out_is_the_charts_default_again(lab: Lab) -> None:
    lab.up("release(values=dict(greeting='bye', chartDigest='one'))")
    assert lab.up("release(values=dict(chartDigest='one'))").operations["shop"] == "update"
    assert lab.greeting() == "hello"


def test_a_failed_upgrade_is_rolled_back_says_why_and_is_tried_again(lab: Lab) -> None:
    lab.up(HELLO)
    failed = lab.up(NEVER_READY, fails=True)
    assert "context deadline exceeded" in failed.text
    assert (lab.greeting(), lab.revisions()) == ("hello", {"1": "superseded", "2": "failed", "3": "deployed"})
    assert lab.stack.state()["shop"]["inputs"]["values"]["greeting"] == "hello"
    lab.up(NEVER_READY, fails=True)
    assert lab.greeting() == "hello"
    assert lab.up(BYE).operations["shop"] == "update"
    assert lab.greeting() == "bye"


def test_an_installation_that_fails_leaves_nothing_and_the_next_run_installs(lab: Lab) -> None:
    failed = lab.up(NEVER_READY, fails=True)
    assert "context deadline exceeded" in failed.text
    assert "shop" not in lab.stack.state()
    assert (lab.greeting(), lab.revisions()) == (None, {})
    assert lab.up(HELLO).operations["shop"] == "create"
    assert lab.greeting() == "hello"


def test_values_that_the_charts_schema_refuses_pass_a_preview_and_change_nothing(lab: Lab) -> None:
    lab.up(HELLO)
    wrong = "release(values=dict(replicas=4))"
    assert lab.stack.preview(f"start(CONFIG)\n{wrong}").operations["shop"] == "update"
    refused = lab.up(wrong, fails=True)
    assert "values don't meet the specifications of the schema" in refused.text
    assert lab.revisions() == {"1": "deployed"}


def test_a_secret_value_is_secret_in_the_state_and_in_helms_own_record_only(lab: Lab) -> None:
    lab.up("release(values=dict(greeting=pulumi.Output.secret('hush-hush')))")
    assert lab.greeting() == "hush-hush"
    assert "hush-hush" not in lab.stack.recorded()
    kept = lab.get("secret", "sh.helm.release.v1.shop.v1")["data"]["release"]
    assert "hush-hush" in gzip.decompress(b64decode(b64decode(kept))).decode()


def kill_in_the_middle(lab: Lab, text: str, status: str) -> None:
    """Starts an `up` and kills engine, program and plug-ins while the release waits for its pods."""
    lab.stack.program(f"start(CONFIG)\n{text}")
    words = ("up", "--yes", "--skip-preview")
    with lab.stack.start(*words) as engine:
        until(lambda: status in lab.revisions().values(), f"a revision is {status}", 60)
        plugins = [pid for pid in descendants(engine.pid) if "resource-kubernetes" in command_line(pid)]
        assert plugins
        for pid in (engine.pid, *plugins):
            os.kill(pid, signal.SIGKILL)
    lab.stack.pulumi("cancel", "--yes")  # the lock of the dead engine


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    tasks = [Path(task, "children") for task in Path(f"/proc/{pid}/task").iterdir()] if children.exists() else []
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return found + [below for child in found for below in descendants(child)]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_an_upgrade_that_was_killed_blocks_every_later_one_until_its_revision_is_taken_away(lab: Lab) -> None:
    lab.up(HELLO)
    kill_in_the_middle(lab, STUCK, "pending-upgrade")
    blocked = lab.up(BYE, fails=True)
    assert "another operation (install/upgrade/rollback) is in progress" in blocked.text
    assert lab.revisions() == {"1": "deployed", "2": "pending-upgrade"}
    lab.plane.ask("--namespace", lab.namespace, "delete", "secret", "sh.helm.release.v1.shop.v2")
    assert lab.up(BYE).operations["shop"] == "update"
    assert (lab.greeting(), lab.revisions()) == ("bye", {"1": "superseded", "2": "deployed"})


def test_an_installation_that_was_killed_is_in_the_way_until_its_revision_is_taken_away(lab: Lab) -> None:
    kill_in_the_middle(lab, STUCK, "pending-install")
    blocked = lab.up(HELLO, fails=True)
    assert "cannot re-use a name that is still in use" in blocked.text
    lab.plane.ask("--namespace", lab.namespace, "delete", "secret", "sh.helm.release.v1.shop.v1")
    lab.up(HELLO)
    assert (lab.greeting(), lab.revisions()) == ("hello", {"1": "deployed"})


def test_a_release_that_the_program_has_no_more_is_uninstalled(lab: Lab) -> None:
    lab.up(HELLO)
    assert lab.up("").operations["shop"] == "delete"
    assert (lab.greeting(), lab.revisions()) == (None, {})


def test_destroy_takes_off_release_and_namespace(lab: Lab) -> None:
    lab.up(HELLO)
    lab.stack.destroy()
    assert not lab.plane.there("namespace", lab.namespace)


def test_what_goes_with_its_cluster_is_not_taken_off_one_by_one(lab: Lab) -> None:
    lab.up("anchor = local.Command('anchor', create='true')\nrelease(opts=ResourceOptions(deleted_with=anchor))")
    assert lab.up("").operations == {"namespace": "same", "shop": "delete", "anchor": "delete"}
    assert (lab.greeting(), lab.revisions()) == ("hello", {"1": "deployed"})


def test_a_name_that_another_release_has_is_refused(lab: Lab) -> None:
    lab.up(HELLO)
    forgotten = lab.stack.pulumi("state", "delete", lab.stack.state()["shop"]["urn"], "--yes")
    assert forgotten.status == 0, forgotten.text
    assert "cannot re-use a name that is still in use" in lab.up(HELLO, fails=True).text


def test_previews_do_without_the_kubeconfig(lab: Lab) -> None:
    seen = lab.stack.preview(f"start(printed())\n{HELLO}")
    assert seen.operations == {"kubeconfig": "create", "namespace": "create", "shop": "create"}
    assert not lab.plane.there("namespace", lab.namespace)
    lab.stack.up()
    assert lab.greeting() == "hello"


def test_new_credentials_of_the_same_cluster_change_nothing_in_it(lab: Lab) -> None:
    lab.stack.up(f"start(printed())\n{HELLO}")
    lab.kubeconfig.write_text(lab.plane.kubeconfig("second"))
    seen = lab.stack.preview()
    assert "replace" not in {operation for name, operation in seen.steps if name != "kubeconfig"}
    assert lab.stack.up().operations["namespace"] == "same"
    assert lab.revisions() == {"1": "deployed"}
