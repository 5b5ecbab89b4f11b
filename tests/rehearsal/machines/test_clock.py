import struct

from rehearsal.machines.clock import EPOCH, PACKET, answer

QUESTION = struct.pack("!B39xQ", 4 << 3 | 3, 12345)  # version 4, client


def test_a_client_learns_the_time_and_recognises_its_question() -> None:
    reply = answer(QUESTION, received=1000.5, sent=1000.75)
    assert reply is not None
    first, stratum, *_, originated, received, sent = PACKET.unpack(reply)
    assert (first, stratum, originated) == (4 << 3 | 4, 5, 12345)
    assert (received / 2**32 - EPOCH, sent / 2**32 - EPOCH) == (1000.5, 1000.75)


def test_servers_and_noise_get_no_answer_so_that_two_servers_never_talk_for_ever() -> None:
    assert answer(struct.pack("!B47x", 4 << 3 | 4), 0, 0) is None
    assert answer(b"short", 0, 0) is None
