"""What gunicorn serves to be measured: the node without its sequencer, and beside it a view that does nothing."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - Django comes first
from django.urls import include, path  # noqa: E402
from rest_framework.permissions import AllowAny  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Empty(APIView):
    """All that DRF does for an answer, and no more."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path("empty", Empty.as_view()), path("", include("traceability.urls"))]
settings.ROOT_URLCONF = __name__
