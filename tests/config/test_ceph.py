"""The cluster's identity: its form, and that nothing secret of it is shown."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.ceph import PLACEHOLDER, check_fsid, check_key, new_fsid, new_key
from config.model import Homelab
from config.problems import Refused
from config.stack import parse, secret_texts

GOOD = {"fsid": new_fsid(), "monKey": new_key(), "adminKey": new_key()}
SAID = {
    "domain": "example.net",
    "machines": {"oak": {"site": "home"}},
    "mesh": {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1"}},
    "storage": {"filesystem": {}},
}


def lab(keys: dict[str, str] | None = None, preview: bool = False, said: dict[str, object] | None = None) -> Homelab:
    return parse("mine", said or SAID, {} if keys is None else {"ceph": json.dumps(keys)}, preview)


def test_a_key_has_the_form_that_ceph_reads() -> None:
    kind, _, nanoseconds, length = struct.unpack("<HIIH", base64.b64decode(new_key())[:12])
    assert (kind, nanoseconds, length, len(base64.b64decode(new_key()))) == (1, 0, 16, 28)
    assert new_key() != new_key() and new_fsid() != new_fsid()


def test_the_identity_is_read_whole() -> None:
    found = lab(GOOD).identities.ceph
    assert found and (found.fsid, found.mon_key.get_secret_value(), found.admin_key.get_secret_value()) == tuple(GOOD.values())


def test_without_storage_no_identity_is_needed_or_kept() -> None:
    bare: dict[str, object] = {key: value for key, value in SAID.items() if key != "storage"}
    assert lab(None, said=bare).identities.ceph is None and lab(GOOD, said=bare).identities.ceph is None


def test_a_preview_does_without_and_names_what_is_missing() -> None:
    identities = lab(None, preview=True).identities
    assert identities.missing == ("Ceph",) and identities.ceph and identities.ceph.fsid == PLACEHOLDER
    assert lab(GOOD).identities.missing == ()


def test_an_update_without_identity_names_each_part_and_the_command_that_makes_it() -> None:
    with pytest.raises(Refused) as refused:
        lab({"fsid": GOOD["fsid"]})
    assert [problem.path for problem in refused.value.problems] == ["homelab:ceph.monKey", "homelab:ceph.adminKey"]
    assert {problem.remedy for problem in refused.value.problems} == {"run `make init STACK=mine`"}


@pytest.mark.parametrize("part", ["monKey", "adminKey", "fsid"])
@pytest.mark.parametrize("bad", ["sensitive", "", "AQ==", base64.b64encode(bytes(28)).decode(), GOOD["monKey"][:-4], PLACEHOLDER])
def test_a_damaged_part_is_refused_without_showing_it_and_never_offered_to_be_made_anew(part: str, bad: str) -> None:
    with pytest.raises(Refused, match=rf"homelab:ceph\.{part}: the .* cannot be used") as refused:
        lab({**GOOD, part: bad})
    assert "restore it from version control" in str(refused.value) and "make init" not in str(refused.value)
    assert not bad or bad == PLACEHOLDER or bad not in str(refused.value)


@pytest.mark.parametrize("text", ["sensitive", "[]", '{"fsid": 5}'])
def test_a_secret_of_another_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="homelab:ceph: not a JSON object") as refused:
        parse("mine", SAID, {"ceph": text}, preview=True)
    assert "sensitive" not in str(refused.value)


def test_no_text_of_the_configuration_shows_a_key() -> None:
    homelab = lab(GOOD)
    shown = f"{homelab} {homelab!r} {homelab.model_dump()} {homelab.model_dump_json()}"
    assert GOOD["monKey"] not in shown and GOOD["adminKey"] not in shown
    assert {secret.get_secret_value() for secret in secret_texts(homelab)} == {GOOD["monKey"], GOOD["adminKey"]}


@given(st.text(max_size=60))
def test_no_text_but_a_key_passes_for_one(text: str) -> None:
    for check in (check_key, check_fsid):
        with pytest.raises(ValueError, match=r"^not a"):
            check(text)


def test_the_word_for_a_key_tells_two_apart_and_gives_none_away() -> None:
    assert check_key(GOOD["monKey"]) == check_key(GOOD["monKey"]) != check_key(GOOD["adminKey"])
    assert GOOD["monKey"][6:20] not in check_key(GOOD["monKey"])
