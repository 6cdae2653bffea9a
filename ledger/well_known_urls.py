"""Below `/.well-known/`: what SCITT software looks for there."""

from django.urls import path

from . import views

urlpatterns = [
    path("scitt-keys", views.receipt_keys, name="receipt-keys"),
    path("scitt-keys/<str:kid>", views.receipt_key, name="receipt-key"),
]
