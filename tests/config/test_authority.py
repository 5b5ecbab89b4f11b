"""The private certificate authority: its form, that both halves belong together, and that nothing secret of it is shown."""

import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from config.authority import YEARS, check_certificate, check_key, check_pair, new_certificate, new_key
from config.ceph import PLACEHOLDER
from config.identities import new_host_key, new_mesh_key
from config.model import Homelab
from config.problems import Refused
from config.stack import parse, secret_texts

KEY = new_key()
GOOD = {"key": KEY, "certificate": new_certificate(KEY, "example.net")}
SAID = {
    "domain": "example.net",
    "machines": {"oak": {"site": "home"}},
    "mesh": {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1"}},
    "certificates": {"issuer": "private"},
}


def lab(keys: dict[str, str] | None = None, preview: bool = False, said: dict[str, object] | None = None) -> Homelab:
    return parse("mine", said or SAID, {} if keys is None else {"certificateAuthority": json.dumps(keys)}, preview)


def test_it_may_sign_and_nothing_else_and_lasts_for_twenty_years() -> None:
    made = x509.load_pem_x509_certificate(GOOD["certificate"].encode())
    basic = made.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert made.subject == made.issuer and "example.net" in made.subject.rfc4514_string()
    assert YEARS * 365 <= (made.not_valid_after_utc - datetime.now(UTC)).days <= YEARS * 365 + 6
    assert made.not_valid_before_utc < datetime.now(UTC)
    public = made.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"


def test_a_domain_of_any_length_fits_into_its_name() -> None:
    assert check_certificate(new_certificate(KEY, ".".join(["a" * 60] * 4)))


def test_the_identity_is_read_whole() -> None:
    found = lab(GOOD).identities.authority
    assert found and (found.key.get_secret_value(), found.certificate) == (GOOD["key"], GOOD["certificate"])


def test_without_certificates_no_identity_is_needed_or_kept() -> None:
    bare: dict[str, object] = {key: value for key, value in SAID.items() if key != "certificates"}
    assert lab(None, said=bare).identities.authority is None and lab(GOOD, said=bare).identities.authority is None


def test_a_preview_does_without_and_names_what_is_missing() -> None:
    identities = lab(None, preview=True).identities
    assert identities.missing == ("the certificate authority",)
    assert identities.authority and identities.authority.certificate == PLACEHOLDER
    assert lab(GOOD).identities.missing == ()


def test_an_update_without_identity_names_each_part_and_the_command_that_makes_it() -> None:
    with pytest.raises(Refused) as refused:
        lab({"key": GOOD["key"]})
    (problem,) = refused.value.problems
    assert problem.path == "homelab:certificateAuthority.certificate" and problem.remedy == "run `make init STACK=mine`"


@pytest.mark.parametrize("part", ["key", "certificate"])
@pytest.mark.parametrize("bad", ["sensitive", "", new_host_key(), new_mesh_key(), KEY[:-80], PLACEHOLDER])
def test_a_damaged_part_is_refused_without_showing_it_and_never_offered_to_be_made_anew(part: str, bad: str) -> None:
    with pytest.raises(Refused, match=rf"homelab:certificateAuthority\.{part}: the .* cannot be used") as refused:
        lab({**GOOD, part: bad})
    assert "restore it from version control" in str(refused.value) and "make init" not in str(refused.value)
    assert not bad or bad == PLACEHOLDER or bad[:40] not in str(refused.value)


def test_the_certificate_of_another_key_is_refused() -> None:
    other = new_key()
    with pytest.raises(Refused, match="key and certificate do not belong together"):
        lab({**GOOD, "certificate": new_certificate(other, "example.net")})
    check_pair(GOOD["key"], GOOD["certificate"])


def test_no_text_of_the_configuration_shows_the_key() -> None:
    homelab = lab(GOOD)
    shown = f"{homelab} {homelab!r} {homelab.model_dump()} {homelab.model_dump_json()}"
    assert GOOD["key"].splitlines()[1] not in shown
    assert {secret.get_secret_value() for secret in secret_texts(homelab)} == {GOOD["key"]}


@given(st.text(max_size=60))
def test_no_text_but_a_key_or_certificate_passes_for_one(text: str) -> None:
    for check in (check_key, check_certificate):
        with pytest.raises(ValueError, match=r"^not a PEM"):
            check(text)


def test_the_word_for_a_key_tells_two_apart_and_gives_none_away() -> None:
    assert check_key(KEY) == check_key(KEY) != check_key(new_key())
    assert KEY.splitlines()[1][:20] not in check_key(KEY)
