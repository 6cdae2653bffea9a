"""Where everything a node answers begins."""

from django.contrib import admin
from django.urls import include, path
from django.urls.resolvers import URLPattern
from drf_spectacular.views import SpectacularAPIView

from ledger.urls import urlpatterns as log

from . import operations
from .web.docs import Docs
from .web.refusals import reads

handler404 = "traceability.web.refusals.not_found"

schema = reads(SpectacularAPIView.as_view())
docs = reads(Docs.as_view())


def only_read(patterns: list[URLPattern]) -> list[URLPattern]:
    """The log knows nothing of pages: whoever sends something to it is told with one of ours that it is read only."""
    return [URLPattern(each.pattern, reads(each.callback), each.default_args, each.name) for each in patterns]


urlpatterns = [
    path("api/v1/", include("traceability.api.urls")),
    path("api/schema/", schema, name="schema"),
    path("api/docs/", docs, name="docs"),
    path("vrs/", include("traceability.api.vrs_urls")),
    path("admin/", admin.site.urls),
    path("log/", include(only_read(log))),
    path(".well-known/", include("ledger.well_known_urls")),
    path("witness/", include("ledger.witness_urls")),
    path("live", operations.live, name="live"),
    path("ready", operations.ready, name="ready"),
    path("metrics", operations.metrics, name="metrics"),
    path("", include("traceability.web.urls")),
]
