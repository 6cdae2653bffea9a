"""How a message is signed for whoever receives it: Standard Webhooks 1.0.0, symmetric (`v1`). Pure: no Django.

webhook-id: 0f1f3d58-8d1c-4c0e-a8a9-0f6f6c9c2b11          the same, however often the message is sent
webhook-timestamp: 1767600000                             when it is sent, seconds since 1970
webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1,...

signature = HMAC-SHA256(secret, id "." timestamp "." body), base64; several while a secret is being changed
secret    = "whsec_" base64(32 bytes)
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"


def new_secret() -> str:
    """Drawn anew, as its receiver is shown it."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def headers(signed_with: Iterable[str], message: str, at: int, body: bytes) -> dict[str, str]:
    """
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    content = b".".join((message.encode(), str(at).encode(), body))
    signatures = (b64encode(hmac.digest(_key(secret), content, "sha256")).decode() for secret in signed_with)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX), validate=True)
