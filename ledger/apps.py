"""The Django app around the log. It knows neither medicines nor partners."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Transparency log"
