"""Secrets out of what is logged. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASKED = "***"
SHORTEST = 6
"""Characters: anything shorter would mask half of the log, and is no secret."""
SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"),
    re.compile(r"(?<=client-key-data: )\S+"),
    re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"),  # kubeadm's bootstrap tokens
    re.compile(r"(?<=--certificate-key[ =])\S+"),
    re.compile(r"(?<=certificate-key\", \")[0-9a-f]{64}"),
    re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"),  # service account tokens
)
INSIDE, BEGIN, END = "[private key]", "-----BEGIN", "-----END"


class Mask:
    """Hides known secrets, and what has the shape of one, in lines fed in order: a private key may go over many of them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = {part for secret in secrets for text in (secret, *secret.splitlines()) if len(part := text.strip()) >= SHORTEST}
        # Ansible prints values as JSON too.
        texts |= {text.replace("\\", "\\\\").replace('"', '\\"') for text in texts}
        self._known = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True)))) if texts else None
        self._inside = False

    def line(self, text: str) -> str:
        """The same line without secrets."""
        if self._inside:
            self._inside = not (text.startswith(END) or END in text)
            return INSIDE
        if self._known:
            text = self._known.sub(MASKED, text)
        for shape in SHAPES:
            cut = shape.sub(MASKED, text)
            if shape is SHAPES[0] and cut != text and END not in text:
                self._inside = True
            text = cut
        return text
