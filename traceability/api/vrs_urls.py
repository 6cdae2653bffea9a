"""Below `/vrs/`: the one place where a path holds serial numbers, since the standard has them there."""

from django.urls import path

from . import vrs

urlpatterns = [
    path("checkConnectivity", vrs.CheckConnectivity.as_view(), name="vrs-connectivity"),
    path("verify/gtin/<str:gtin>/lot/<path:lot>/ser/<path:serial>", vrs.Verify.as_view(), name="vrs-verify"),
    path("<path:rest>", vrs.NoMessage.as_view()),
]
