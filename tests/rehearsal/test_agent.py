"""The operator's agent in the rehearsal."""

from socket import AF_UNIX, socket

from rehearsal import agent


def test_a_socket_that_is_bound_but_does_not_listen_yet_is_no_agent(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMELAB_REHEARSAL", str(tmp_path))
    assert not agent._listens()
    with socket(AF_UNIX) as early:
        early.bind(str(agent.socket()))
        assert not agent._listens()
        early.listen()
        assert agent._listens()
