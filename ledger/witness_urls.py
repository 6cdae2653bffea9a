"""A witness: below a node's `/witness/`, or all that a witness alone answers."""

from django.urls import path

from .witness_views import add_checkpoint

handler404 = "ledger.witness_views.nothing_else"  # of a witness alone
urlpatterns = [path("add-checkpoint", add_checkpoint, name="add-checkpoint")]
