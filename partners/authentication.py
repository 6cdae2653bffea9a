"""How a partner's system says who it is: `Authorization: Bearer upt_...` (RFC 6750 section 2.1)."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from . import prepared
from .models import ApiToken, Partner

SCHEME = "Bearer"

#: Written out, because every request asks it: what the ORM does to write it takes longer than all the rest.
_PARTNER, _TOKEN = ("gln", "name", "role"), ("id", "partner_id", "prefix", "label")
_LOOK_UP = """SELECT who.gln, who.name, who.role, token.id, token.partner_id, token.prefix, token.label
FROM partners_apitoken AS token JOIN partners_partner AS who ON who.gln = token.partner_id
WHERE token.digest = %s AND token.revoked IS NULL AND who."left" IS NULL"""


class InvalidToken(AuthenticationFailed):
    """One answer for everything that does not count: another scheme, malformed, unknown and revoked look the same."""

    default_detail = "This token is not valid."
    default_code = "invalid_token"


class ApiTokenAuthentication(BaseAuthentication):
    """The partner as `request.user`, its token as `request.auth`. One query, and nothing written."""

    def authenticate(self, request: Request) -> tuple[Partner, ApiToken] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        scheme, _, token = header.partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            raise InvalidToken  # whoever wants to be somebody is not answered as anybody
        return self.of(token.strip())

    def of(self, token: bytes) -> tuple[Partner, ApiToken]:
        """The partner that was given this token. Looked up by digest: timing tells nothing of a token."""
        rows = prepared.fetch(_LOOK_UP, [ApiToken.digest_of(token.decode("ascii", "replace"))])
        if not rows:
            raise InvalidToken
        partner = Partner.from_db(DEFAULT_DB_ALIAS, _PARTNER, rows[0][: len(_PARTNER)])
        found = ApiToken.from_db(DEFAULT_DB_ALIAS, _TOKEN, rows[0][len(_PARTNER) :])
        found.partner = partner
        return partner, found

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="unitproof"'


class ApiTokenScheme(OpenApiAuthenticationExtension):
    """What the OpenAPI page says about it."""

    target_class = ApiTokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`manage.py partner` prints a token, once."}
