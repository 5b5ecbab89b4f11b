"""The written contract of the command plug-in, through the real engine; the same for the official plug-in where it is installed."""

import pytest

from tests.rehearsal.plugins.command.conftest import Lab

pytestmark = pytest.mark.engine

ALL = "create=note('create'), update=note('update'), delete=note('delete')"


def test_an_unchanged_command_runs_nothing_in_up_preview_or_refresh(both: Lab) -> None:
    both.up(f"Command('c', {ALL})")
    assert both.ran() == ["create"]
    assert both.up().operations == {"c": "same"}
    assert both.stack.preview().operations == {"c": "same"}
    assert set(both.stack.refresh().operations.values()) <= {"refresh", "same"}
    assert both.ran() == []


def test_a_preview_of_a_change_runs_nothing(local: Lab) -> None:
    assert local.stack.preview(f"Command('c', {ALL})").operations == {"c": "create"}
    local.up()
    local.ran()
    assert local.stack.preview(f"Command('c', {ALL}, stdin='new')").operations == {"c": "update"}
    assert local.ran() == []


@pytest.mark.parametrize("edit", ["stdin='new'", "logging='none'", "update=note('update2')"])
def test_an_edit_runs_the_new_update_in_place(local: Lab, edit: str) -> None:
    local.up("Command('c', create=note('create'), update=note('update'), delete=note('delete'))")
    local.ran()
    words = {"create": "note('create')", "update": "note('update')", "delete": "note('delete')"}
    name, _, value = edit.partition("=")
    text = ", ".join(f"{key}={text}" for key, text in {**words, name: value}.items())
    assert local.up(f"Command('c', {text})").operations == {"c": "update"}
    assert local.ran() == ["update2" if name == "update" else "update"]


def test_without_an_update_any_edit_runs_create_again_even_one_of_the_delete(local: Lab) -> None:
    local.up("Command('c', create=note('create'))")
    assert local.up("Command('c', create=note('create2'))").operations == {"c": "update"}
    assert local.up("Command('c', create=note('create2'), delete=note('delete'))").operations == {"c": "update"}
    assert local.ran() == ["create", "create2", "create2"]


def test_without_a_create_nothing_runs_and_the_outputs_are_empty(local: Lab) -> None:
    local.up("Command('c', delete=note('delete'))")
    assert [local.stack.state()["c"]["outputs"][name] for name in ("stdout", "stderr")] == ["", ""]
    assert local.ran() == []


def test_a_create_that_goes_away_leaves_the_old_output(local: Lab) -> None:
    local.up("Command('c', create='echo one')")
    local.up("Command('c')")
    assert local.stack.state()["c"]["outputs"]["stdout"] == "one"


@pytest.mark.parametrize("change", ["['b']", "['a', 'b']", "[]", "None"])
def test_triggers_replace_even_with_an_update_and_delete_the_old_one_last(local: Lab, change: str) -> None:
    local.up(f"Command('c', {ALL}, triggers=['a'])")
    local.ran()
    run = local.up(f"Command('c', create=note('create2'), update=note('update'), delete=note('delete2'), triggers={change})")
    assert [step for step in run.steps if step[0] != "replace"] == [("create-replacement", "c"), ("delete-replaced", "c")]
    assert local.ran() == ["create2", "delete"]


def test_deletes_of_replaced_commands_come_after_all_other_steps(local: Lab) -> None:
    program = (
        "a = Command('a', create=note('a{0}'), delete=note('not-a{0}'), triggers=[{0}])\n"
        "Command('b', create=note('b'), stdin='{0}', opts=ResourceOptions(depends_on=[a]))"
    )
    local.up(program.format(1))
    local.up(program.format(2))
    assert local.ran() == ["a1", "b", "a2", "b", "not-a1"]


def test_delete_before_replace_turns_the_order_round(both: Lab) -> None:
    program = "Command('a', create=note('a{0}'), delete=note('not-a{0}'), triggers=[{0}], opts=ResourceOptions(delete_before_replace=True))"
    both.up(program.format(1))
    both.up(program.format(2))
    assert both.ran() == ["a1", "not-a1", "a2"]


def test_a_failed_create_is_not_recorded_and_runs_again(both: Lab) -> None:
    run = both.up("Command('c', create=note('create') + '; echo out; echo err >&2; exit 3', delete=note('delete'))", fails=True)
    ended = "Process exited with status 3" if both.place == "remote" else "exit status 3"
    assert f'{ended}: running "echo create >> ' in run.text
    assert "out\n" in run.text
    assert "c" not in both.stack.state()
    both.up("Command('c', create=note('again'), delete=note('delete'))")
    assert both.ran() == ["create", "again"]


def test_a_failed_update_keeps_the_old_inputs_and_runs_again(local: Lab) -> None:
    local.up("Command('c', create='echo one', stdin='1')")
    local.up("Command('c', create='exit 4', stdin='2')", fails=True)
    recorded = local.stack.state()["c"]
    assert (recorded["inputs"]["stdin"], recorded["outputs"]["stdout"]) == ("1", "one")
    assert local.up("Command('c', create='echo two', stdin='2')").operations == {"c": "update"}
    assert local.stack.state()["c"]["outputs"]["stdout"] == "two"


def test_a_failed_replacement_keeps_the_old_one_undeleted(local: Lab) -> None:
    local.up(f"Command('c', {ALL}, triggers=[1])")
    local.ran()
    local.up("Command('c', create='exit 5', delete=note('delete'), triggers=[2])", fails=True)
    assert local.ran() == []
    assert local.stack.state()["c"]["inputs"]["triggers"] == [1]


def test_destroy_runs_the_delete_of_the_state_not_of_the_program(both: Lab) -> None:
    both.up("Command('c', create=note('create'), delete=note('old'))")
    both.stack.program("Command('c', create=note('create'), delete=note('new'))")
    both.stack.destroy()
    assert both.ran() == ["create", "old"]
    assert both.stack.state() == {}


def test_a_failed_delete_keeps_the_resource(local: Lab) -> None:
    local.up("Command('c', create='true', delete='exit 6')")
    local.stack.destroy(fails=True)
    assert "c" in local.stack.state()


def test_deleted_with_spares_the_delete(local: Lab) -> None:
    local.up(
        "a = Command('a', create='true', delete=note('not-a'))\n"
        "Command('b', create='true', delete=note('not-b'), opts=ResourceOptions(deleted_with=a))"
    )
    local.stack.destroy()
    assert local.ran() == ["not-a"]


def test_an_ignored_input_keeps_its_old_value_for_the_run_too(local: Lab) -> None:
    program = "Command('c', create='cat; echo {0}', stdin='{0}', opts=ResourceOptions(ignore_changes=['stdin']))"
    local.up(program.format("1"))
    assert local.up(program.format("2")).operations == {"c": "update"}
    assert local.stack.state()["c"]["outputs"]["stdout"] == "12"
    ignored = "Command('c', create='cat; echo 2', stdin='3', opts=ResourceOptions(ignore_changes=['stdin']))"
    assert local.up(ignored).operations == {"c": "same"}


def test_exactly_one_newline_is_cut_and_all_other_bytes_are_kept(both: Lab) -> None:
    both.up("Command('c', create=r\"printf ' a\\033b\\n\\n'; printf 'e\\r\\n' >&2\", logging='none')")
    outputs = both.stack.state()["c"]["outputs"]
    assert (outputs["stdout"], outputs["stderr"]) == (" a\x1bb\n", "e\r")


def test_the_id_is_the_name_and_eight_hexadecimal_digits(local: Lab) -> None:
    local.up("Command('name', create='true')")
    identity = local.stack.state()["name"]["id"]
    assert identity.startswith("name")
    assert len(identity) == len("name") + 8
    int(identity.removeprefix("name"), 16)


def test_output_that_is_not_utf8_fails_the_step_after_the_script_has_run(both: Lab) -> None:
    run = both.up("Command('c', create=note('create') + r\"; printf '\\377'\", logging='none')", fails=True)
    assert "invalid UTF-8" in run.text
    assert both.ran() == ["create"]
    assert "c" not in both.stack.state()


@pytest.mark.parametrize(("logging", "shown"), [("stdout", {"o"}), ("stderr", {"e"}), ("stdoutAndStderr", {"o", "e"}), ("none", set())])
def test_logging_chooses_what_is_shown_and_changes_no_output(both: Lab, logging: str, shown: set[str]) -> None:
    run = both.up(f"Command('c', create='echo o; echo e >&2', logging={logging!r})")
    assert set(run.lines()) == shown
    outputs = both.stack.state()["c"]["outputs"]
    assert (outputs["stdout"], outputs["stderr"]) == ("o", "e")


def test_secret_inputs_stay_secret_and_outputs_are_so_only_when_asked_for(both: Lab) -> None:
    both.up(
        "Command('plain', create='cat', stdin=Output.secret('hush'), logging='none')\n"
        "Command('asked', create='cat', stdin=Output.secret('hush'), logging='none',"
        " opts=ResourceOptions(additional_secret_outputs=['stdout', 'stderr']))"
    )
    state = both.stack.state()
    assert "ciphertext" in state["plain"]["inputs"]["stdin"]
    assert "ciphertext" in state["plain"]["outputs"]["stdin"]
    assert state["plain"]["outputs"]["stdout"] == "hush"
    assert "ciphertext" in state["asked"]["outputs"]["stdout"]


def test_a_custom_timeout_bounds_nothing(both: Lab) -> None:
    short = "ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='1s'))"
    both.up(f"Command('c', create='sleep 2; echo done', opts={short})")
    assert both.stack.state()["c"]["outputs"]["stdout"] == "done"


def test_a_large_standard_input_that_nobody_reads_does_no_harm(both: Lab) -> None:
    both.up("Command('c', create='echo fine', stdin='x' * 1_000_000)")
    assert both.stack.state()["c"]["outputs"]["stdout"] == "fine"


def test_a_large_standard_input_arrives_whole(both: Lab) -> None:
    both.up("Command('c', create='wc -c', stdin='x' * 1_000_000)")
    assert both.stack.state()["c"]["outputs"]["stdout"].strip() == "1000000"
