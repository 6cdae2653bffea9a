"""Below `/api/v1/`. No path holds a serial number."""

from django.urls import path, re_path

from . import views

urlpatterns = [
    path("submissions", views.Submissions.as_view(), name="submissions"),
    path("submissions/<uuid:submission>", views.SubmissionDetail.as_view(), name="submission"),
    path("submissions/<uuid:submission>/statement", views.SubmissionStatement.as_view(), name="submission-statement"),
    path("submissions/<uuid:submission>/receipt", views.SubmissionReceipt.as_view(), name="submission-receipt"),
    path("statements", views.Statements.as_view(), name="statements"),
    re_path("^statements/(?P<entry>[0-9a-f]{64})/receipt$", views.StatementReceipt.as_view(), name="statement-receipt"),
    path("sightings", views.Sightings.as_view(), name="sightings"),
    path("verify", views.Verification.as_view(), name="verify"),
    path("items/bundle", views.Bundle.as_view(), name="bundle"),
    path("items/openings", views.Openings.as_view(), name="openings"),
    path("", views.NoResource.as_view()),
    path("<path:rest>", views.NoResource.as_view()),
]
