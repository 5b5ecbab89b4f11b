"""What the operator may say of backups, and the passphrases of each repository."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.backup import UNITS, Backup, Duration, check_passphrase, new_passphrase, subjects
from config.model import Homelab
from config.problems import Refused
from config.stack import parse, secret_texts

SAID = {
    "domain": "example.net",
    "machines": {"oak": {"site": "home"}, "elm": {"site": "home"}},
    "mesh": {"network": "10.88.0.0/24", "addresses": {"oak": "10.88.0.1", "elm": "10.88.0.2"}},
    "backup": {"schedule": {}},
}
PHRASES = {"oak": new_passphrase(), "elm": new_passphrase()}


def lab(phrases: dict[str, str] | None, preview: bool = False, said: dict[str, object] | None = None) -> Homelab:
    return parse("mine", said or SAID, {} if phrases is None else {"backupPassphrases": json.dumps(phrases)}, preview)


@given(st.integers(1, 9999), st.sampled_from([*UNITS]))
def test_a_duration_reads_back_from_what_it_is_shown_as(number: int, unit: str) -> None:
    read = Duration.parse(f"{number}{unit}")
    assert read == number * UNITS[unit] and Duration.parse(str(read)) == read


@pytest.mark.parametrize("text", ["6", "6 hours", "0h", "-1h", "1.5h", "", None, 6, "99999d"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="is not a duration"):
        TypeAdapter(Duration).validate_python(text)


def test_all_machines_are_backed_up_and_clients_when_they_are_named() -> None:
    said = Backup.model_validate({"schedule": {}, "clients": ["pad"]})
    assert subjects(said, ["oak", "fog"]) == ["oak", "fog", "pad"]
    assert subjects(Backup.model_validate({"schedule": {}, "machines": ["fog"]}), ["oak", "fog"]) == ["fog"]
    assert subjects(Backup.model_validate({}), ["oak", "fog"]) == ()


def test_everybody_who_is_backed_up_has_a_passphrase() -> None:
    found = lab(PHRASES).identities
    assert {name: one.get_secret_value() for name, one in found.backup_passphrases.items()} == PHRASES and found.missing == ()


def test_without_a_schedule_no_passphrase_is_needed_or_kept() -> None:
    bare: dict[str, object] = {key: value for key, value in SAID.items() if key != "backup"}
    assert not lab(None, said=bare).identities.backup_passphrases and not lab(PHRASES, said=bare).identities.backup_passphrases


def test_the_passphrase_of_one_that_was_taken_out_is_kept_for_its_archives() -> None:
    some: dict[str, object] = {**SAID, "backup": {"schedule": {}, "machines": ["elm"]}}
    assert {*lab(PHRASES, said=some).identities.backup_passphrases} == {"elm", "oak"}
    assert {*lab({**PHRASES, "oak": "damaged"}, said=some).identities.backup_passphrases} == {"elm"}


def test_a_preview_does_without_and_an_update_names_whose_is_missing() -> None:
    assert lab({"oak": PHRASES["oak"]}, preview=True).identities.missing == ("elm",)
    with pytest.raises(Refused, match=r"homelab:backupPassphrases.elm: no backup passphrase for elm -> run `make init STACK=mine`"):
        lab({"oak": PHRASES["oak"]})


@pytest.mark.parametrize("bad", ["sensitive", "", "c2Vuc2l0aXZl", PHRASES["elm"][:-4]])
def test_a_damaged_passphrase_is_refused_without_showing_it_and_never_offered_to_be_made_anew(bad: str) -> None:
    with pytest.raises(Refused, match="the backup passphrase of oak cannot be used") as refused:
        lab({**PHRASES, "oak": bad})
    assert "restore it from version control" in str(refused.value) and "make init" not in str(refused.value)
    assert not bad or bad not in str(refused.value)


def test_no_text_of_the_configuration_shows_a_passphrase() -> None:
    homelab = lab(PHRASES)
    shown = f"{homelab} {homelab!r} {homelab.model_dump()} {homelab.model_dump_json()}"
    assert not [phrase for phrase in PHRASES.values() if phrase in shown]
    assert {one.get_secret_value() for one in secret_texts(homelab)} == {*PHRASES.values()}


@given(st.text(max_size=60))
def test_no_text_but_a_passphrase_of_ours_passes_for_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a passphrase"):
        check_passphrase(text)


def test_the_word_for_a_passphrase_tells_two_apart_and_gives_none_away() -> None:
    one, other = PHRASES.values()
    assert check_passphrase(one) == check_passphrase(one) != check_passphrase(other) and one[:10] not in check_passphrase(one)
