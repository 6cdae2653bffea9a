"""What gunicorn serves; and, without a broker, the threads beside it: they integrate the log, do jobs and deliver
notices."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - Django is set up now

from ledger.tasks import sequencer  # noqa: E402
from traceability.delivering import courier  # noqa: E402
from traceability.working import worker  # noqa: E402

if settings.DEMO:
    from traceability.demo import running

    running.share(settings.VAR_DIR)

sequencer.start()  # each worker process loads this module after its fork, so each has its own
worker.start()
courier.start()
