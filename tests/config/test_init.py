"""`make init`: starts a stack file, adds the identities that are missing, changes nothing else."""

import io
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.init import main
from config.backup import check_passphrase
from config.ceph import check_key
from config.document import ROOT, parse_yaml
from config.edit import Inline, with_secrets
from config.identities import ssh_public
from config.passphrase import Box, WrongPassphrase
from config.stack import read

ROUNDS = 1000  # in place of a million: these tests make dozens of keys; the real number is proved on the `dev` stack


@pytest.fixture(autouse=True, scope="module")
def fewer_rounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.passphrase.ROUNDS", ROUNDS)
        yield


@pytest.fixture(scope="module")
def box() -> Box:
    return Box.new("correct")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.home.yaml").write_text((ROOT / "Pulumi.home.yaml").read_text())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct")
    return tmp_path


def keys(file: Path, name: str = "rentedHostKeys") -> dict[str, str]:
    document = parse_yaml(file.read_text(), "mine")
    found = json.loads(Box.open("correct", document["encryptionsalt"]).decrypt(document["config"][f"homelab:{name}"]["secure"]))
    assert isinstance(found, dict)
    return found


def test_a_stack_without_file_starts_as_a_copy_of_the_example_with_identities_of_its_own(root: Path) -> None:
    assert main(["mine"], root) == 0
    assert read("mine", root).machines == read("home", root).machines
    assert set(keys(root / "Pulumi.mine.yaml")) == set(keys(root / "Pulumi.mine.yaml", "rentedMeshKeys")) == {"nimbus"}


def test_storage_gets_an_identity_that_stays_whatever_else_is_made(root: Path) -> None:
    file = root / "Pulumi.mine.yaml"
    main(["mine"], root)
    before = keys(file, "ceph")
    assert set(before) == {"fsid", "monKey", "adminKey"} and check_key(before["monKey"]) != check_key(before["adminKey"])
    file.write_text(file.read_text().replace("nimbus", "fog"))
    main(["mine"], root)
    assert set(keys(file)) == {"nimbus", "fog"} and keys(file, "ceph") == before


def test_a_machine_s_passphrase_is_made_once_and_stays_whatever_else_is_made(root: Path) -> None:
    file = root / "Pulumi.mine.yaml"
    main(["mine"], root)
    before = keys(file, "backupPassphrases")
    assert set(before) == {"leviathan", "absis", "nimbus"} and len({check_passphrase(phrase) for phrase in before.values()}) == 3
    file.write_text(file.read_text().replace("nimbus", "fog"))
    main(["mine"], root)
    after = keys(file, "backupPassphrases")
    assert set(after) == {*before, "fog"} and {name: after[name] for name in before} == before


def test_no_passphrase_is_ever_printed(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["mine"], root)
    said, made = "".join(capfd.readouterr()), keys(root / "Pulumi.mine.yaml", "backupPassphrases")
    assert "absis" in said and not [phrase for phrase in made.values() if phrase in said]


def test_without_storage_and_rented_machines_nothing_is_made(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "tests/config/corpus/valid/one-machine.yaml").read_text()
    (root / "Pulumi.mine.yaml").write_text(text)
    assert main(["mine"], root) == 0
    assert (root / "Pulumi.mine.yaml").read_text() == text
    assert "no identity is needed" in capsys.readouterr().out


def test_neither_key_of_storage_is_ever_printed(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["mine"], root)
    said, made = "".join(capfd.readouterr()), keys(root / "Pulumi.mine.yaml", "ceph")
    assert made["fsid"] in said and made["monKey"] not in said and made["adminKey"] not in said


def test_what_was_in_the_file_stays_comments_too(root: Path) -> None:
    main(["mine"], root)
    before = (root / "Pulumi.home.yaml").read_text().splitlines()
    after = (root / "Pulumi.mine.yaml").read_text().splitlines()
    assert [line for line in before if line not in after and not line.startswith("encryptionsalt")] == []
    assert len(after) == len(before) + 10  # five secrets, two lines each


def test_a_second_run_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["mine"], root)
    before = (root / "Pulumi.mine.yaml").read_bytes()
    capsys.readouterr()
    assert main(["mine"], root) == 0
    assert (root / "Pulumi.mine.yaml").read_bytes() == before
    assert "made" not in capsys.readouterr().out


def test_only_what_is_missing_is_made(root: Path) -> None:
    file = root / "Pulumi.mine.yaml"
    main(["mine"], root)
    kept = keys(file)["nimbus"]
    text = file.read_text().replace(
        "    nimbus: #", "    mist: {site: east, vultr: {region: ams, plan: vc2-1c-2gb, image: debian-12}}\n    nimbus: #"
    )
    file.write_text(text)
    assert main(["mine"], root) == 0
    assert keys(file)["nimbus"] == kept
    assert set(keys(file)) == {"nimbus", "mist"}


def test_what_is_printed_are_public_halves(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["mine"], root)
    said = "".join(capfd.readouterr())
    assert re.search(r"nimbus +SSH host key +made +SHA256:", said)
    private = keys(root / "Pulumi.mine.yaml")["nimbus"]
    assert not [line for line in private.splitlines() if line in said]
    assert ssh_public(private)


def test_a_wrong_passphrase_changes_nothing_and_says_how_to_give_the_right_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["mine"], root)
    before = (root / "Pulumi.mine.yaml").read_bytes()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    assert main(["mine"], root) == 1
    assert (root / "Pulumi.mine.yaml").read_bytes() == before
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in capsys.readouterr().err


def test_a_passphrase_may_come_from_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    (root / "phrase").write_text("correct\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(root / "phrase"))
    assert main(["mine"], root) == 0
    assert set(keys(root / "Pulumi.mine.yaml")) == {"nimbus"}


def test_without_a_passphrase_and_nobody_to_ask_it_says_what_to_set(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["mine"], root) == 1
    assert "--cli" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["secretsprovider: awskms://key", "encryptedkey: AAAA"])
def test_a_stack_of_another_provider_is_left_to_pulumi(
    root: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(root))
    text = re.sub("^encryptionsalt:.*", line, (root / "Pulumi.home.yaml").read_text(), flags=re.MULTILINE)
    (root / "Pulumi.mine.yaml").write_text(text)
    assert main(["mine"], root) == 1
    assert "put it on PATH" in capsys.readouterr().err
    assert (root / "Pulumi.mine.yaml").read_text() == text


FAKE = """#!/bin/sh
echo "$@" >> "$ROOT/argv"
case "$2" in
get) echo '{}' ;;
set) cat > "$ROOT/$4" ;;
esac
"""


def test_pulumi_gets_the_identities_by_stdin_and_never_as_arguments(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = root / "bin" / "pulumi"
    fake.parent.mkdir()
    fake.write_text(FAKE)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    monkeypatch.setenv("ROOT", str(root))
    assert main(["mine", "--cli"], root) == 0
    assert ssh_public(json.loads((root / "homelab:rentedHostKeys").read_text())["nimbus"])
    assert "PRIVATE" not in (root / "argv").read_text()
    assert "--secret" in (root / "argv").read_text()


def test_a_file_with_problems_is_refused_before_any_key_is_made(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "Pulumi.mine.yaml").write_text("config:\n  homelab:domain: here\n")
    assert main(["mine"], root) == 1
    assert "Pulumi.mine.yaml has 3 problems" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../mine", "", "a b", "-x/"])
def test_a_stack_s_name_is_a_name(root: Path, name: str) -> None:
    assert main(["--", name], root) == 1
    assert sorted(file.name for file in root.iterdir()) == ["Pulumi.home.yaml"]


def test_the_file_s_mode_stays(root: Path) -> None:
    file = root / "Pulumi.mine.yaml"
    main(["mine"], root)
    file.chmod(0o640)
    file.write_text(file.read_text().replace("nimbus", "fog"))
    assert main(["mine"], root) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in root.iterdir()) == ["Pulumi.home.yaml", "Pulumi.mine.yaml"]


@settings(max_examples=20)
@given(st.text())
def test_what_is_encrypted_can_be_decrypted(box: Box, text: str) -> None:
    assert box.decrypt(box.encrypt(text)) == text


def test_a_box_opens_with_its_own_passphrase_only(box: Box) -> None:
    assert Box.open("correct", box.state).decrypt(box.encrypt("text")) == "text"
    with pytest.raises(WrongPassphrase):
        Box.open("incorrect", box.state)


@pytest.mark.parametrize("value", ["", "v1:AAAA", "v2:AAAA:AAAA", "v1:AAAA:AAAA", "v1:*:*"])
def test_a_damaged_secret_is_told_as_such(box: Box, value: str) -> None:
    with pytest.raises(ValueError, match="cannot be decrypted"):
        box.decrypt(value)


SECRET = "  homelab:a:\n    secure: v1:x:y\n"
EDITS = {
    "": "config:\n" + SECRET,
    "config:\n": "config:\n" + SECRET,
    "config:\n  k: v # why\n\n# end\n": "config:\n  k: v # why\n" + SECRET + "\n# end\n",
    "config:\n  k: v": "config:\n  k: v\n" + SECRET,
    "config:\n  k:\n    - a\n    - {b: c} # d\nother: 1\n": "config:\n  k:\n    - a\n    - {b: c} # d\n" + SECRET + "other: 1\n",
    "config:\n  k: |\n    text\n    more\nother: 1\n": "config:\n  k: |\n    text\n    more\n" + SECRET + "other: 1\n",
    "config:\n    k: v\n": "config:\n    k: v\n    homelab:a:\n      secure: v1:x:y\n",
    "config:\n  homelab:a:\n    secure: v1:old:old # why\n  k: v\n": "config:\n  homelab:a:\n    secure: v1:x:y # why\n  k: v\n",
}


@pytest.mark.parametrize(("before", "after"), EDITS.items())
def test_a_secret_is_put_in_without_touching_anything_else(before: str, after: str) -> None:
    assert with_secrets(before, {"homelab:a": "v1:x:y"}) == after


@pytest.mark.parametrize("text", ["config: {k: v}\n", "config:\n  homelab:a: plain\n"])
def test_a_file_that_cannot_be_edited_line_by_line_is_left_alone(text: str) -> None:
    with pytest.raises(Inline):
        with_secrets(text, {"homelab:a": "v1:x:y"})


def test_the_salt_is_added_once_and_never_replaced() -> None:
    assert with_secrets("config:\n", {}, "v1:new") == "config:\nencryptionsalt: v1:new\n"
    assert with_secrets("encryptionsalt: v1:old\n", {}, "v1:new") == "encryptionsalt: v1:old\n"
