"""Plain objects beside the releases: namespaces, secrets, custom resources."""

import base64
import json

import pytest

from tests.rehearsal.plugins.kubernetes.conftest import Lab

pytestmark = pytest.mark.engine

SECRET = """
secret = k8s.core.v1.Secret(
    "key", metadata=dict(name="key", namespace=namespace.metadata.name), string_data=pulumi.Output.secret(dict(word={word!r})), opts=here
)
"""
OFFER = """
shop = release(values=dict(kind={kind!r}))
k8s.apiextensions.CustomResource(
    "offer", api_version="shop.test/v1", kind={kind!r}, metadata=dict(name="offer", namespace=namespace.metadata.name),
    spec=dict(price={price}), opts=ResourceOptions.merge(here, ResourceOptions(depends_on=[shop])),
)
"""


def word(lab: Lab) -> str:
    return base64.b64decode(lab.get("secret", "key")["data"]["word"]).decode()


def test_a_secret_reaches_the_cluster_and_never_the_state_in_plain(lab: Lab) -> None:
    lab.up(SECRET.format(word="hush-hush"))
    assert word(lab) == "hush-hush"
    assert "hush-hush" not in lab.stack.recorded()
    assert base64.b64encode(b"hush-hush").decode() not in lab.stack.recorded()
    assert set(lab.up(SECRET.format(word="hush-hush")).operations.values()) == {"same"}


def test_a_secret_of_other_content_is_changed_in_place(lab: Lab) -> None:
    lab.up(SECRET.format(word="one"))
    before = lab.get("secret", "key")["metadata"]["uid"]
    assert lab.up(SECRET.format(word="two")).operations["key"] == "update"
    assert (word(lab), lab.get("secret", "key")["metadata"]["uid"]) == ("two", before)


def test_without_such_a_setting_other_content_is_another_object(lab: Lab) -> None:
    text = "k8s.core.v1.ConfigMap('map', metadata=dict(name='map', namespace=namespace.metadata.name), data=dict(a={!r}), opts=here)"
    lab.up(text.format("1"))
    steps = [operation for operation, name in lab.up(text.format("2")).steps if name == "map"]
    assert steps[0] == "delete-replaced"
    assert lab.get("configmap", "map")["data"] == {"a": "2"}


def forget(lab: Lab, name: str) -> None:
    """What an engine leaves that was killed between a creation and its record."""
    forgotten = lab.stack.pulumi("state", "delete", lab.stack.state()[name]["urn"], "--yes")
    assert forgotten.status == 0, forgotten.text


def test_what_a_killed_run_has_made_is_taken_over_by_the_next(lab: Lab) -> None:
    lab.up(SECRET.format(word="one"))
    before = lab.get("secret", "key")["metadata"]["uid"]
    forget(lab, "key")
    assert lab.up(SECRET.format(word="one")).operations["key"] == "create"
    assert lab.get("secret", "key")["metadata"]["uid"] == before


def test_other_content_is_taken_over_by_force_only(lab: Lab) -> None:
    lab.up(SECRET.format(word="one"))
    forget(lab, "key")
    assert "field conflict" in lab.up(SECRET.format(word="two"), fails=True).text
    assert word(lab) == "one"
    lab.up(SECRET.format(word="two").replace('name="key"', 'name="key", annotations={"pulumi.com/patchForce": "true"}'))
    assert word(lab) == "two"


def test_a_secret_that_somebody_deleted_is_noticed_by_refresh_and_made_again(lab: Lab) -> None:
    lab.up(SECRET.format(word="one"))
    lab.plane.ask("--namespace", lab.namespace, "delete", "secret", "key")
    lab.stack.refresh()
    assert lab.up(SECRET.format(word="one")).operations["key"] == "create"


def test_a_kept_namespace_outlives_the_stack_and_is_taken_over_by_the_next(lab: Lab) -> None:
    kept = """
stays = ResourceOptions.merge(here, ResourceOptions(retain_on_delete=True))
k8s.core.v1.Namespace("kept", metadata=dict(name=NAMESPACE + "-kept"), opts=stays)
"""
    lab.up(kept)
    before = lab.plane.get("namespace", f"{lab.namespace}-kept")["metadata"]["uid"]
    lab.stack.destroy()
    assert lab.up(kept).operations["kept"] == "create"
    assert lab.plane.get("namespace", f"{lab.namespace}-kept")["metadata"]["uid"] == before
    lab.plane.ask("delete", "namespace", f"{lab.namespace}-kept", "--wait=false")


def test_a_custom_resource_is_planned_before_its_definition_exists_and_changed_in_place(lab: Lab) -> None:
    kind = f"Offer{lab.namespace.removeprefix('test-')}"
    seen = lab.stack.preview("start(printed())\n" + OFFER.format(kind=kind, price=1))
    assert seen.operations["offer"] == "create"
    seen = lab.stack.preview("start(CONFIG)\n" + OFFER.format(kind=kind, price=1))
    assert seen.operations["offer"] == "create"
    lab.up(OFFER.format(kind=kind, price=1))
    assert lab.up(OFFER.format(kind=kind, price=2)).operations["offer"] == "update"
    assert json.dumps(lab.get(f"{kind.lower()}s.shop.test", "offer")["spec"]) == '{"price": 2}'
