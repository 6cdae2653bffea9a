"""Statements that the node signs for a party, with the key that it holds for it: of itself, at its word.

party, what it says ──custodial key──> statement ──register──> entry, promise
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from partners.models import Partner

from . import custodial
from .errors import NotAllowed
from .models import Registration
from .registration import register
from .statements import Registration as Statement


def say(party: Partner, make: Callable[..., Statement], *, now: datetime, statement: UUID | None = None,
        **members: Any) -> Registration:  # fmt: skip
    """Register what the party, which is asking, says of itself. Raises as `register` does, and `NotAllowed` where this
    node holds no key of the party's that speaks for it."""
    key = custodial.key_of(party)
    if key is None:
        detail, expected = "this node holds no key of yours", "a statement that you have signed, as application/cose"
        raise NotAllowed(detail, code="no_custodial_key", expected=expected)
    said = make(
        log=settings.LOG_ORIGIN,
        submitter=party.gln,
        time=now.replace(microsecond=0),
        statement=str(statement or uuid4()),
        about=party.gln,
        **members,
    )
    row, _ = register(custodial.sign(said, key), now=now)
    return row
