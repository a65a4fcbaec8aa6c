"""Shared passwords, kept as hashes that are slow to try: scrypt, https://www.rfc-editor.org/rfc/rfc7914.

A hash is one word without characters that shells or settings files take for their own:
``scrypt:COST:BLOCK:LANES:SALT:KEY``, salt and key in URL-safe base64.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

from orchestrator.errors import SpecError

SHORTEST = 10
LONGEST = 1024
# 32 MiB and about 0.1 s on a small server: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
COST, BLOCK, LANES = 2**15, 8, 3
_MOST_COST, _MOST_BLOCK, _MOST_LANES = 2**20, 32, 16
_SALT_BYTES, _KEY_BYTES = 16, 32


def hash_password(password: str) -> str:
    """The hash to put into the settings; raises `SpecError` for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise SpecError(f"password: expected {SHORTEST} to {LONGEST} characters, got {len(password)}")
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _derive(password, salt, COST, BLOCK, LANES)
    return f"scrypt:{COST}:{BLOCK}:{LANES}:{_text(salt)}:{_text(key)}"


def is_hash(text: str) -> bool:
    """Whether a text is a hash that `matches` can check."""
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def matches(password: str, stored: str) -> bool:
    """Whether it is the password of a stored hash, told in a time that does not depend on how near it is."""
    cost, block, lanes, salt, key = _parse(stored)
    return len(password) <= LONGEST and hmac.compare_digest(_derive(password, salt, cost, block, lanes), key)


def _derive(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    memory_bytes = 128 * block * (cost + lanes + 2)
    text = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=lanes, maxmem=2 * memory_bytes, dklen=_KEY_BYTES)


def _parse(text: str) -> tuple[int, int, int, bytes, bytes]:
    try:
        kind, cost, block, lanes, salt, key = text.split(":")
        numbers = int(cost), int(block), int(lanes)
        salt_bytes, key_bytes = (base64.b64decode(each, altchars=b"-_", validate=True) for each in (salt, key))
    except (ValueError, binascii.Error) as error:
        raise ValueError("no hash of a password") from error
    is_known = kind == "scrypt" and len(key_bytes) == _KEY_BYTES and len(salt_bytes) >= _SALT_BYTES
    limits = (_MOST_COST, _MOST_BLOCK, _MOST_LANES)
    is_sane = all(1 <= number <= most for number, most in zip(numbers, limits, strict=True))
    if not (is_known and is_sane) or numbers[0] < 2 or numbers[0] & (numbers[0] - 1):
        raise ValueError("no hash of a password")
    return *numbers, salt_bytes, key_bytes


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
