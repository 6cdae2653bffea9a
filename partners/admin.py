"""What an operator sees of partners. What the log says (keys, prefixes) and what was read is shown, never edited."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from .models import (
    AccessRecord,
    ApiToken,
    Case,
    CustodialKey,
    Delegation,
    Grant,
    Hold,
    Licence,
    Location,
    Partner,
    Prefix,
    SigningKey,
    Waiver,
)


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Partner)
class PartnerAdmin(ReadOnly):
    """Who takes part, and as what, is said in the log: `manage.py partner`, or governors."""

    list_display = ("name", "gln", "role")
    list_filter = ("role",)
    search_fields = ("name", "gln")


@admin.register(Location)
class LocationAdmin(ReadOnly):
    """Said in the log: `manage.py location`, or an authority."""

    list_display = ("name", "gln", "operator", "valid_from", "valid_to", "registered", "vouched_by")
    search_fields = ("name", "gln")


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly):
    list_display = ("__str__", "partner", "state", "custodial", "registered", "revoked", "vouched_by")


@admin.register(CustodialKey)
class CustodialKeyAdmin(ReadOnly):
    """Made by `manage.py custodial`."""

    list_display = ("__str__", "made")
    exclude = ("sealed",)


@admin.register(Prefix)
class PrefixAdmin(ReadOnly):
    list_display = ("digits", "partner", "registered", "revoked", "vouched_by")
    search_fields = ("digits",)


@admin.register(Delegation)
class DelegationAdmin(ReadOnly):
    list_display = ("__str__", "registered", "revoked", "vouched_by")


@admin.register(Licence)
class LicenceAdmin(ReadOnly):
    list_display = ("licence", "partner", "valid_from", "valid_to", "registered", "revoked", "vouched_by")
    search_fields = ("licence",)


@admin.register(Hold)
class HoldAdmin(ReadOnly):
    list_display = ("__str__", "reason", "lot", "first", "last", "registered", "revoked", "vouched_by")
    search_fields = ("epc", "gtin", "lot")


@admin.register(Case)
class CaseAdmin(ReadOnly):
    list_display = ("__str__", "gtin", "lot", "valid_to", "registered", "revoked", "vouched_by")


@admin.register(Grant)
class GrantAdmin(ReadOnly):
    list_display = ("__str__", "partner", "valid_to", "registered", "revoked", "vouched_by")


@admin.register(Waiver)
class WaiverAdmin(ReadOnly):
    list_display = ("__str__", "partner", "valid_from", "valid_to", "registered", "revoked", "vouched_by")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ("prefix", "partner", "label", "created", "revoked")
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        tokens.filter(revoked=None).update(revoked=timezone.now())

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("partners.change_apitoken")


@admin.register(AccessRecord)
class AccessRecordAdmin(ReadOnly):
    list_display = ("at", "reader", "what", "subject", "purpose")
