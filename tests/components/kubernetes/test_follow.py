"""What is understood of Ansible's output. `ansible/*.txt` is what ansible-core 2.18 printed for small playbooks."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "components/kubernetes/scripts"))
from follow import Failure, Progress, clock, message, short, summary  # noqa: E402
from mask import Mask  # noqa: E402


def after(name: str, **said: object) -> Progress:
    progress = Progress("cluster.yml", **said)
    for line in (HERE / f"ansible/{name}.txt").read_text().splitlines():
        progress.feed(line)
    return progress


def test_failures_that_are_ignored_or_rescued_are_none() -> None:
    assert after("well").failures() == []


def test_without_a_recap_what_was_ignored_is_still_no_failure() -> None:
    progress = Progress("cluster.yml")
    text = (HERE / "ansible/well.txt").read_text()
    for line in text[: text.index("PLAY [Install]")].splitlines():
        progress.feed(line)
    assert progress.failures() == []


def test_each_host_that_failed_is_told_with_its_task_and_message() -> None:
    found = {failure.host: failure for failure in after("failed").failures()}
    assert found["absis"].task == "Wait for new control plane nodes to be Ready"
    assert found["absis"].message.startswith("non-zero return code: kubeadm: the token")
    assert found["nimbus"].task == "Loop (item false)" and found["leviathan"].task == "Delegated"
    assert not any(failure.unreachable for failure in found.values())


def test_a_host_that_does_not_answer_and_a_result_over_many_lines_are_understood() -> None:
    absis, nimbus = sorted(after("unreachable").failures(), key=lambda failure: failure.host)
    assert nimbus.unreachable and "ssh" in nimbus.message
    assert absis.message == "absis is not allowed" and absis.task == "Assert"


def test_playbooks_that_ansible_refuses_are_a_failure_of_no_host() -> None:
    (failure,) = after("refused").failures()
    assert failure.host == "" and "couldn't resolve module" in failure.message


def test_a_host_that_only_the_recap_knows_as_failed_is_not_lost() -> None:
    progress = Progress("cluster.yml")
    progress.feed("absis                      : ok=3    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0   ")
    assert [failure.host for failure in progress.failures()] == ["absis"]


def test_a_line_of_progress_names_play_task_hosts_and_time() -> None:
    progress = Progress("cluster.yml", usual=467)
    for line in (
        "PLAY [Install etcd] *****",
        "TASK [etcd : Gen certs | run cert] *****",
        "ok: [leviathan]",
        "changed: [absis -> leviathan]",
    ):
        progress.feed(line)
    assert progress.line(187) == "cluster.yml 3:07 of about 7:47 | Install etcd | etcd : Gen certs | run cert | leviathan, absis"
    assert "of about" not in progress.line(500)


def test_a_line_of_progress_is_never_long() -> None:
    progress = Progress("cluster.yml")
    progress.feed(f"PLAY [{'x' * 1000}] ***")
    assert len(progress.line(1)) <= 200


def test_a_task_forgets_the_answers_to_the_one_before() -> None:
    progress = Progress("cluster.yml")
    for line in ("TASK [a] ***", "ok: [absis]", "TASK [b] ***"):
        progress.feed(line)
    assert "absis" not in progress.line(1)


def test_the_summary_says_where_the_log_is_and_whether_to_run_again() -> None:
    lost = summary([Failure("absis", "Reach", "timed out", unreachable=True)], "cluster.yml", 4, "/var/log/x.log")
    assert "absis does not answer, task 'Reach': timed out" in lost and "/var/log/x.log" in lost
    assert "Bring the machines back" in lost and "safe" in lost
    assert "ended with status 137 and named no host" in summary([], "cluster.yml", 137, "/var/log/x.log")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ('{"msg": "non-zero return code", "stderr": "no space left", "rc": 1}', "non-zero return code: no space left"),
        ('{"msg": "non-zero return code", "stderr": "", "cmd": ["false"]}', 'non-zero return code: ["false"]'),
        ('{"censored": "the output has been hidden"}', "the output has been hidden"),
        ("no json", "no json"),
        ('{"rc": 1}', '{"rc": 1}'),
    ],
)
def test_of_a_result_the_telling_words_are_shown(result: str, words: str) -> None:
    assert message(result) == words


def test_a_long_message_keeps_both_ends() -> None:
    text = short(f"begin {'x' * 5000} end")
    assert text.startswith("begin") and text.endswith("end") and len(text) < 420


def test_seconds_are_shown_as_clocks_do() -> None:
    assert [clock(0), clock(187.9), clock(3723)] == ["0:00", "3:07", "1:02:03"]


def masked(*lines: str, secrets: tuple[str, ...] = ()) -> list[str]:
    mask = Mask(secrets)
    return [mask.line(line) for line in lines]


def test_a_secret_is_masked_wherever_it_stands() -> None:
    assert masked('password="pa\\"ss-word" pa"ss-word', secrets=('pa"ss-word',)) == ['password="***" ***']


def test_each_line_of_a_secret_of_many_lines_is_masked() -> None:
    assert masked("first-line", "and second-line.", secrets=("first-line\nsecond-line\n",)) == ["***", "and ***."]


def test_what_is_too_short_to_be_a_secret_masks_nothing() -> None:
    assert masked("ok: [absis]", secrets=("", "ok", "\n")) == ["ok: [absis]"]


def test_private_keys_are_masked_over_many_lines_and_in_one() -> None:
    begin, end = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
    assert masked(f"a {begin}", "MIIEabc", end, "b") == ["a ***", "[private key]", "[private key]", "b"]
    assert masked(f'{{"key": "{begin}\\nMIIE\\n{end}\\n"}}', "b") == ['{"key": "***\\n"}', "b"]


def test_tokens_of_kubeadm_and_of_service_accounts_are_masked() -> None:
    token = "abcdef." + "0123456789abcdef"
    assert masked(f"kubeadm join --token {token} --certificate-key {'a' * 64}") == ["kubeadm join --token *** --certificate-key ***"]
    assert masked("client-key-data: LS0tLS1CRUdJTg==") == ["client-key-data: ***"]
    assert masked("eyJhbGciOiJSUzI1NiI." + "eyJpc3MiOiJrdWJl.c2lnbmF0dXJl") == ["***"]


def test_checksums_stay_readable() -> None:
    line = f'"sha256:{"a" * 64}"'
    assert masked(line) == [line]
