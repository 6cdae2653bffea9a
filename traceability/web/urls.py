"""Below `/`. No address holds a serial number: what is scanned comes in the body of a POST."""

from django.urls import path

from . import demo, explorer, offline, views

urlpatterns = [
    path("", views.scan, name="scan"),
    path("proof", views.proof, name="proof"),
    path("verify-offline", offline.verify_offline, name="verify-offline"),
    path("log/", explorer.overview, name="log"),
    path("log/witnesses", explorer.witnesses, name="log-witnesses"),
    path("log/checkpoints", explorer.checkpoints, name="log-checkpoints"),
    path("log/entry/<uuid:submission>", explorer.entry, name="log-entry"),
    path("log/entry/<uuid:submission>/proof", explorer.entry_proof, name="log-entry-proof"),
    path("problems/", views.problems, name="problems"),
    path("problems/<slug:code>", views.problem, name="problem"),
    path("demo", demo.packs, name="demo"),
    path("demo/policy.json", demo.policy, name="demo-policy"),
    path("demo/look-as", demo.look_as, name="look-as"),
    path("demo/<int:number>", demo.scan, name="demo-scan"),
    path("demo/<int:number>.svg", demo.symbol, name="demo-symbol"),
]
