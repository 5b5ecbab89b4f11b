"""Applications and charts as they are written, and the secrets of applications."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.applications import Application, split
from config.charts import CEPHFS, CERT_MANAGER, METRICS_SERVER, NGINX_INGRESS, RBD, Chart
from config.problems import Refused
from config.stack import parse, secret_texts

SAID = {
    "domain": "example.net",
    "machines": {"oak": {"site": "home"}},
    "mesh": {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1"}},
}


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("plex:1.2", ("plex", "1.2", "")),
        ("docker.io/one/plex:v1", ("docker.io/one/plex", "v1", "")),
        ("registry.example:5000/one/plex:1", ("registry.example:5000/one/plex", "1", "")),
        ("localhost/page:1", ("localhost/page", "1", "")),
        (f"ghcr.io/a-b/c_d:2026.7.4@sha256:{'0' * 64}", ("ghcr.io/a-b/c_d", "2026.7.4", f"sha256:{'0' * 64}")),
    ],
)
def test_an_image_is_told_apart_into_what_charts_want(image: str, parts: tuple[str, str, str]) -> None:
    assert Application.model_validate({"image": image}).image == image and split(image) == parts


@given(st.text(max_size=30).filter(lambda text: ":" not in text))
def test_no_image_without_a_tag_passes(text: str) -> None:
    with pytest.raises(ValidationError):
        Application.model_validate({"image": text})


@given(st.from_regex(r"[~^>=<]{0,2} ?[0-9]+(\.[0-9x*]+)?(\.[x*])?|latest|\*|stable", fullmatch=True))
def test_a_range_of_versions_is_no_version(text: str) -> None:
    with pytest.raises(ValidationError):
        Chart.model_validate({"oci": "oci://registry.example/a/b", "version": text})


def test_every_default_chart_has_exactly_one_version() -> None:
    for chart in (NGINX_INGRESS, CERT_MANAGER, CEPHFS, RBD, METRICS_SERVER):
        assert chart.version and bool(chart.oci) != bool(chart.repository and chart.name) and not chart.folder


@pytest.mark.parametrize("text", ["sensitive", "[]", '{"notes": "sensitive"}', '{"notes": {"A": 5}}', '{"notes": {"A": null}}'])
def test_secrets_of_another_form_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(Refused, match="homelab:applicationSecrets: not a JSON object of applications") as refused:
        parse("mine", SAID, {"applicationSecrets": text}, preview=True)
    assert "sensitive" not in str(refused.value)


def test_secrets_are_read_and_shown_in_no_text_of_the_configuration() -> None:
    said = {**SAID, "applications": {"notes": {"image": "a/b:1", "port": 80}}}
    homelab = parse("mine", said, {"applicationSecrets": json.dumps({"notes": {"PASSWORD": "sensitive"}})}, preview=False)
    assert homelab.application_secrets["notes"]["PASSWORD"].get_secret_value() == "sensitive"
    assert "sensitive" not in f"{homelab} {homelab!r} {homelab.model_dump()} {homelab.model_dump_json()}"
    assert [secret.get_secret_value() for secret in secret_texts(homelab)] == ["sensitive"]
