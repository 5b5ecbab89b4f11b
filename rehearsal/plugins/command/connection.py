"""A remote command's connection: the dialling with its retries and its words for what went wrong."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from rehearsal.plugins.command.properties import DEFAULTS
from rehearsal.plugins.resource import Failure, Step

FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.1, 1.5, 5.0  # seconds between two dials


@dataclass(frozen=True)
class Connection:
    """Where and as whom. `retries` -1 is for ever; `patience` are seconds for one dial, TCP and SSH together, 0 for no limit."""

    host: str
    port: int
    user: str
    retries: int
    patience: float
    host_key: str | None = None
    agent: str | None = None
    private_key: str | None = field(default=None, repr=False)
    private_key_password: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def connection(given: Mapping[str, Any]) -> Connection:
    """The plain, known property. Without a private key and a password, the SSH agent is asked (as the official plug-in, an
    agent of the environment is used where the program names none)."""
    whole = {**DEFAULTS, **given}
    return Connection(
        host=whole["host"],
        port=int(whole["port"]),
        user=whole["user"],
        retries=int(whole["dialErrorLimit"]),
        patience=float(whole["perDialTimeout"]),
        host_key=whole.get("hostKey"),
        agent=whole.get("agentSocketPath") or os.environ.get("SSH_AUTH_SOCK") or None,
        private_key=whole.get("privateKey"),
        private_key_password=whole.get("privateKeyPassword"),
        password=whole.get("password"),
    )


def options(to: Connection) -> dict[str, Any]:
    """What asyncssh is told: nothing of the person's own SSH configuration gets in. Raises Failure for an unreadable host key."""
    chosen: dict[str, Any] = {"username": to.user, "port": to.port, "config": None, "known_hosts": None}
    chosen |= {"agent_path": None, "gss_host": None, "login_timeout": 0, "connect_timeout": None, "password": to.password}
    if to.host_key is not None:
        key = _host_key(to.host_key)
        chosen |= {"known_hosts": ([key], [], []), "server_host_key_algs": [key.algorithm.decode()]}
    return chosen


def _private_key(to: Connection) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(to.private_key or "", to.private_key_password)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise Failure("ssh: no key found") from None


def _host_key(text: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        raise Failure("failed to parse host key: ssh: no key found") from None


async def dial(to: Connection, step: Step, interrupted: asyncio.Event) -> asyncssh.SSHClientConnection:
    """An open connection; the caller closes it. Every kind of failure is tried again, as often as the limit says."""
    chosen, tries, pause = options(to), 0, FIRST_PAUSE
    limit = "inf" if to.retries < 0 else str(to.retries)
    while True:
        try:
            return await _once(to, chosen)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            why = _words(to, error)
        tries += 1
        if 0 <= to.retries < tries:
            raise Failure(f"after {to.retries} failed attempts: {why}")
        await step.log(f"Dial {tries}/{limit} failed: retrying")
        try:
            await asyncio.wait_for(interrupted.wait(), pause)
        except TimeoutError:
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        else:
            raise Failure("context canceled")


async def _once(to: Connection, chosen: Mapping[str, Any]) -> asyncssh.SSHClientConnection:
    async with asyncio.timeout(to.patience or None), keys(to) as client_keys:
        opened = await asyncssh.connect(to.host, client_keys=client_keys, **chosen)
    wire_socket = opened.get_extra_info("socket")
    for option, value in ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 9)):
        wire_socket.setsockopt(socket.IPPROTO_TCP, option, value)
    return opened


@asynccontextmanager
async def keys(to: Connection) -> AsyncIterator[list[asyncssh.SSHKey | asyncssh.SSHKeyPair] | None]:
    """What to authenticate with, for as long as the context lasts: the private key, else the agent's keys. Raises Failure at once
    for an unreadable key or an agent that does not answer. (asyncssh's own way to an agent adds the keys of the home folder.)"""
    if to.private_key is not None:
        yield [_private_key(to)]
    elif to.agent is None:
        yield None
    else:
        async with await _agent(to.agent) as agent:
            yield list(await agent.get_keys()) or None


async def _agent(path: str) -> asyncssh.SSHAgentClient:
    try:
        return await asyncssh.connect_agent(path)
    except OSError as error:
        raise Failure(f"dial unix {path}: connect: {(error.strerror or str(error)).lower()}") from None


def _words(to: Connection, error: Exception) -> str:
    """The official plug-in's words for a failed dial, as near as they are known; never any part of a key."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return "ssh: handshake failed: ssh: host key mismatch"
    if isinstance(error, asyncssh.PermissionDenied):
        methods = "none password" if to.password is not None and to.private_key is None else "none publickey"
        return f"ssh: handshake failed: ssh: unable to authenticate, attempted methods [{methods}], no supported methods remain"
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return f"ssh: handshake failed: {error.reason}"
    if isinstance(error, asyncssh.ConnectionLost):
        return "ssh: handshake failed: EOF"
    if isinstance(error, asyncssh.Error):
        return f"ssh: handshake failed: {error.reason}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {to.host}: no such host"
    address = f"[{to.host}]:{to.port}" if ":" in to.host else f"{to.host}:{to.port}"
    if isinstance(error, TimeoutError):
        return f"dial tcp {address}: i/o timeout"
    code = error.errno if isinstance(error, OSError) else None
    return f"dial tcp {address}: connect: {os.strerror(code).lower() if code else error}"
