"""Secrets of a stack file as Pulumi's passphrase provider keeps them.

`encryptionsalt` is v1:<salt>:<encrypted "pulumi">, a secret is v1:<nonce>:<ciphertext with tag>, all base64. AES-256-GCM; the key is
PBKDF2-HMAC-SHA256 of the passphrase, 8 bytes of salt, a million rounds (the engine's sdk/go/common/resource/config/crypt.go, 3.259).
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ROUNDS = 1_000_000
_PROOF = "pulumi"


class WrongPassphrase(Exception):
    """The passphrase does not open the stack's secrets."""


class Box:
    """Encrypts and decrypts for one stack; `state` is its `encryptionsalt`."""

    def __init__(self, passphrase: str, salt: bytes) -> None:
        key = PBKDF2HMAC(SHA256(), length=32, salt=salt, iterations=ROUNDS).derive(passphrase.encode())
        self._cipher = AESGCM(key)
        self.state = f"v1:{base64.b64encode(salt).decode()}:{self.encrypt(_PROOF)}"

    @classmethod
    def new(cls, passphrase: str) -> "Box":
        """For a stack without secrets yet."""
        return cls(passphrase, os.urandom(8))

    @classmethod
    def open(cls, passphrase: str, state: str) -> "Box":
        """For the stack with this `encryptionsalt`. Raises WrongPassphrase, or ValueError when `state` has another form."""
        version, salt, proof = state.split(":", 2) if state.count(":") == 4 else ("", "", "")
        if version != "v1":
            raise ValueError("the encryptionsalt of the stack file has a form that is not known")
        box = cls(passphrase, base64.b64decode(salt))
        try:
            if box.decrypt(proof) != _PROOF:
                raise WrongPassphrase
        except ValueError:
            raise WrongPassphrase from None
        box.state = state
        return box

    def encrypt(self, text: str) -> str:
        """A value for `secure:`."""
        nonce = os.urandom(12)
        sealed = self._cipher.encrypt(nonce, text.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, value: str) -> str:
        """The text of a `secure:` value. Raises ValueError when it was not made by this passphrase and salt."""
        try:
            version, nonce, sealed = value.split(":")
            if version != "v1":
                raise ValueError
            return self._cipher.decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None).decode()
        except (ValueError, InvalidTag, binascii.Error):
            raise ValueError("a secret of the stack file cannot be decrypted") from None
