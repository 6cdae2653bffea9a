"""Redis as Celery's broker, by a channel that says so when its connection is gone.

When Redis goes away, a worker closes its connection and makes another. Some things yet go through a channel of the old
one: what was not acknowledged is given back as it closes, a task that ends later is acknowledged, beat rings. For those
kombu 5.7 has no address any more and fails with an AttributeError, upon which the worker ends, or waits for its pool's
processes for ever. Said to be what it is, an error of the connection, it does no harm: a ring is tried again, and a
message comes back after `visibility_timeout`, as after a kill.
"""

from typing import Any

from kombu.transport import redis


class _SaysWhenClosed:
    """Before a channel's own class."""

    connection: Any

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Where to connect to. Whatever a channel still asks of Redis begins here."""
        if self.connection is None or self.connection.client is None:
            raise ConnectionError("the channel's connection is closed")
        found: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        return found


class Channel(_SaysWhenClosed, redis.Channel):
    pass


class SentinelChannel(_SaysWhenClosed, redis.SentinelChannel):
    pass


class Transport(redis.Transport):
    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    Channel = SentinelChannel
