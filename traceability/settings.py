"""Every setting of a node, in one flat file.

`env("NAME")` reads the variable NAME, or the file at NAME_FILE. A fresh checkout runs with nothing set;
with DEBUG=0 a value that matters and is missing stops the start.
"""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.FileAwareEnv()


def required(name: str, development: str) -> str:
    """A value without which nobody should run a node: `development` stands in only while DEBUG is on."""
    value = str(env(name, default=development) if DEBUG else env(name)).strip()
    if not value:
        raise ImproperlyConfigured(f"Set the {name} environment variable: it is empty")
    return value


BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = env.bool("DEBUG", default=True)
DEMO = env.bool("DEMO", default=False)  # whoever opens a page may choose as whom to look
if DEMO and not DEBUG:
    raise ImproperlyConfigured("DEMO lets anyone act as any partner: it is refused while DEBUG is off")

VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var" / ("demo" if DEMO else ""))))  # all that is kept in files
VAR_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = required("SECRET_KEY", "for development only, never for a node that others reach")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = [host.strip() for host in required("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# The node -----------------------------------------------------------------------------------------------------------
LOG_ORIGIN = required("LOG_ORIGIN", "localhost/log")  # c2sp.org/tlog-checkpoint: names the log, for ever
OPERATOR_GLN = required("OPERATOR_GLN", "0614141000012")  # the party whose word promises and statuses are
KEYS_DIR = Path(env("KEYS_DIR", default=str(VAR_DIR / "keys")))  # the node's own: `log` and `node`
AUTHORITIES = Path(env("AUTHORITIES", default=str(VAR_DIR / "authorities.json")))  # [{"gln", "kid", "public"}]
SIGNER_SOCKET = env("SIGNER_SOCKET", default="")  # of `manage.py signer`, where that holds the log's key
WITNESSES = Path(env("WITNESSES", default=str(VAR_DIR / "witnesses.policy")))  # c2sp.org/tlog-policy: who cosigns it
WITNESS_TIMEOUT_SECONDS = env.float("WITNESS_TIMEOUT_SECONDS", default=1.0)  # that a witness may take to answer
OWN_WITNESSES = env.list("OWN_WITNESSES", default=[])  # names in that file: run by the operator, they never count
WITNESS_NAME = env("WITNESS_NAME", default=f"{LOG_ORIGIN}/witness")  # as which it cosigns the logs of others
WITNESSED_LOGS = Path(env("WITNESSED_LOGS", default=str(VAR_DIR / "witnessed.policy")))  # c2sp.org/tlog-policy: which
GOVERNORS = Path(env("GOVERNORS", default=str(VAR_DIR / "governors.json")))  # who may change the rules; {"quorum", ...}
ANCHORS = Path(env("ANCHORS", default=str(VAR_DIR / "anchors.toml")))  # whom to ask for time stamps (RFC 3161)
ANCHOR_EVERY_SECONDS = env.float("ANCHOR_EVERY_SECONDS", default=3600.0)  # at most one stamp of each in that time
ANCHOR_TIMEOUT_SECONDS = env.float("ANCHOR_TIMEOUT_SECONDS", default=5.0)  # that an authority may take to answer
LOG_HELD_SECONDS = env.float("LOG_HELD_SECONDS", default=10.0)  # that whoever holds the log may be silent (PostgreSQL)
INTEGRATE_WITHIN_SECONDS = env.int("INTEGRATE_WITHIN_SECONDS", default=60)  # what a promise promises
# A pack is good on all of its last day, wherever in the node's territory it is asked for: until that day ends here, in
# the westernmost of the United States. Name the westernmost zone of yours.
EXPIRY_TIME_ZONE = ZoneInfo(env("EXPIRY_TIME_ZONE", default="Pacific/Honolulu"))
RETENTION_YEARS = env.int("RETENTION_YEARS", default=6)  # how long submissions are kept (21 U.S.C. 360eee-1)
RETAIN_EVERY_SECONDS = env.float("RETAIN_EVERY_SECONDS", default=86400.0)  # what is kept no longer is erased
SWEEP_EVERY_SECONDS = env.float("SWEEP_EVERY_SECONDS", default=5.0)  # finds the work whose message was lost
AUDIT_EVERY_SECONDS = env.float("AUDIT_EVERY_SECONDS", default=3600.0)  # of what is new
ALARM_GRACE_SECONDS = env.float("ALARM_GRACE_SECONDS", default=600.0)  # who gave it out may scan it again for so long
ACCESS_INTERVAL_SECONDS = env.float("ACCESS_INTERVAL_SECONDS", default=3600.0)  # who read of others: one entry in each
# Whom other nodes and companies ask about a pack, and who is asked (GS1's verification messages).
VRS_TIMEOUT_SECONDS = env.float("VRS_TIMEOUT_SECONDS", default=1.5)  # that one question may take
VRS_DEADLINE_SECONDS = env.float("VRS_DEADLINE_SECONDS", default=3.0)  # and all of them, with what is between them
VRS_ATTEMPTS = env.int("VRS_ATTEMPTS", default=2)
VRS_CREDENTIALS = Path(env("VRS_CREDENTIALS", default=str(VAR_DIR / "vrs.json")))  # {"https://host": "Bearer ..."}
# Who may be asked though its address is no public one, and without TLS: in production, nobody who is not named.
VRS_ALLOWED_NETWORKS = env.list("VRS_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEBUG else [])

# Where parties are told what concerns them: see `traceability/notices.py`.
WEBHOOK_TIMEOUT_SECONDS = env.float("WEBHOOK_TIMEOUT_SECONDS", default=5.0)  # that an address may take to answer
# Whom a webhook may lead to though its address is no public one, and without TLS: in production, nobody.
WEBHOOK_ALLOWED_NETWORKS = env.list("WEBHOOK_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEBUG else [])
NOTICE_LEASE_SECONDS = env.float("NOTICE_LEASE_SECONDS", default=30.0)  # after which a sender is taken for dead
ALARM_CLOCK_SECONDS = env.float("ALARM_CLOCK_SECONDS", default=86_400.0)  # for who may clear it, to look into it
EXCEPTION_CLOCK_SECONDS = env.float("EXCEPTION_CLOCK_SECONDS", default=172_800.0)  # for whose turn it is in a case
EXCEPTION_LOST_SECONDS = env.float("EXCEPTION_LOST_SECONDS", default=604_800.0)  # on its way for so long: lost?
EXCEPTION_DATA_LATE_SECONDS = env.float("EXCEPTION_DATA_LATE_SECONDS", default=86_400.0)  # after goods, data are late
SUSPECT_CLOCK_SECONDS = env.float("SUSPECT_CLOCK_SECONDS", default=259_200.0)  # the law says: promptly
TERMINATION_CLOCK_SECONDS = env.float("TERMINATION_CLOCK_SECONDS", default=1_209_600.0)  # to ask FDA what it answers
DISPOSAL_CLOCK_SECONDS = env.float("DISPOSAL_CLOCK_SECONDS", default=2_592_000.0)

EPCIS_MAX_BYTES = env.int("EPCIS_MAX_BYTES", default=64 * 1024 * 1024)  # of a document as received
EPCIS_MAX_DEPTH = env.int("EPCIS_MAX_DEPTH", default=64)  # of nested elements or values
EPCIS_MAX_EVENTS = env.int("EPCIS_MAX_EVENTS", default=100_000)  # in one document
SERIAL_BLOCK_MAX = min(env.int("SERIAL_BLOCK_MAX", default=1_000_000), 1_000_000)  # numbers given out at once
MASTER_DATA_MAX_BYTES = env.int("MASTER_DATA_MAX_BYTES", default=192 * 1024 * 1024)  # of its files, unpacked
MASTER_DATA_MAX_LINES = env.int("MASTER_DATA_MAX_LINES", default=500_000)  # of products; of places 10,000
SERIAL_REPORT_MAX_LINES = env.int("SERIAL_REPORT_MAX_LINES", default=100_000)  # of what a line reports at once
LABELS_JOB_MAX = env.int("LABELS_JOB_MAX", default=10_000)  # printed by one job
JOBS_AT_ONCE = env.int(
    "JOBS_AT_ONCE", default=1
)  # done at the same time, by all processes; fewer than Celery's workers
JOBS_OPEN_MAX = env.int("JOBS_OPEN_MAX", default=20)  # of one party, waiting or running
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", default=60.0)  # silence after which a worker is taken for dead
JOB_ATTEMPTS = env.int("JOB_ATTEMPTS", default=5)  # at a job whose worker ended, or that went wrong here
JOBS_KEPT_DAYS = env.float("JOBS_KEPT_DAYS", default=7.0)  # with their results

# Django -------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "ledger",
    "partners",
    "traceability",
]
MIDDLEWARE = [
    "traceability.observing.observed",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "traceability.web.refusals.NotFoundWhileDebugging",
    "traceability.web.refusals.BusyForTheMoment",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "traceability.urls"
WSGI_APPLICATION = "traceability.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# Storage: SQLite beside the code, or the servers that DATABASE_URL and REDIS_URL name ---------------------------------
SQLITE: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",  # SQLite has no row locks: one writer at a time is the lock
    "timeout": 20,  # seconds a second writer waits for it
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536",
}


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database, durable on either kind: answered means written to disk."""
    settings: dict[str, Any] = env.db_url_config(url)
    on_sqlite = settings["ENGINE"].endswith("sqlite3")
    if on_sqlite:
        settings["OPTIONS"] = SQLITE | settings.get("OPTIONS", {})
    else:  # each thread keeps its connection: to borrow one for each request costs as much as to verify a pack
        settings.setdefault("CONN_MAX_AGE", None)
    return settings


DATABASES = {"default": database(env("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'unitproof.sqlite3'}").strip())}
REDIS_URL = env("REDIS_URL", default="").strip()  # without it the tasks' bodies run in a thread of this process

# Mail: `smtp+tls://user:password@host:587`; without an address no mail is sent, and nobody subscribes to any --------
EMAIL_URL = env("EMAIL_URL", default="" if DEMO or not DEBUG else "consolemail://").strip()
MAILS = bool(EMAIL_URL)
if MAILS:
    vars().update({name: value for name, value in env.email_url_config(EMAIL_URL).items() if value is not None})
else:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", default=10.0)  # that a mail server may take
DEFAULT_FROM_EMAIL = env("MAIL_FROM", default=f"unitproof@{LOG_ORIGIN.partition('/')[0].partition(':')[0]}")

# Celery: messages are doorbells, the database is the queue ------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,  # seconds until the task of a killed worker comes back
    # A doorbell that does not ring costs a sweep, never an answer: `retry=False` alone still tries for six seconds.
    "socket_connect_timeout": 0.2,
    "socket_timeout": 0.2,
    "connect_retries_timeout": 0.2,
    "max_retries": 1,
    "interval_start": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 30  # seconds; tasks are idempotent and meant to stay under ten
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "ledger.tasks.sweep",
        "schedule": SWEEP_EVERY_SECONDS,
        "options": {"expires": SWEEP_EVERY_SECONDS},
    },
    "work": {
        "task": "traceability.working.work",
        "schedule": SWEEP_EVERY_SECONDS,
        "options": {"expires": SWEEP_EVERY_SECONDS},
    },
    "deliver": {
        "task": "traceability.delivering.deliver",
        "schedule": SWEEP_EVERY_SECONDS,
        "options": {"expires": SWEEP_EVERY_SECONDS},
    },
    "anchor": {"task": "ledger.tasks.anchor", "schedule": 60.0, "options": {"expires": 60.0}},
    "enact": {"task": "traceability.tasks.enact", "schedule": 60.0, "options": {"expires": 60.0}},
    "recalls": {"task": "traceability.tasks.recalls", "schedule": 60.0, "options": {"expires": 60.0}},
    "access_interval": {"task": "traceability.tasks.access_interval", "schedule": ACCESS_INTERVAL_SECONDS},
    "audit": {"task": "traceability.tasks.audit", "schedule": AUDIT_EVERY_SECONDS},
    "overdue": {"task": "traceability.tasks.overdue", "schedule": 3600.0, "options": {"expires": 3600.0}},
    # Beat counts anew where its file is lost: a day may never be over.
    "retain": {"task": "traceability.tasks.retain", "schedule": min(3600.0, RETAIN_EVERY_SECONDS)},
}

# The API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "ALLOWED_VERSIONS": [None],  # a schema asked for by a version is not called by that
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.authentication.ApiTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "traceability.api.errors.handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Unitproof",
    "DESCRIPTION": "Pharmaceutical supply-chain traceability with a chain of custody that anyone can check.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {  # what is called alike, and is not
        "VoiceEnum": ["actor", "agent", "reporter", "intake"],
        "JobKindEnum": "traceability.job_kinds.KINDS",
        "OutcomeEnum": "traceability.dscsa.outcomes.OUTCOMES",
        "BlockStateEnum": ["allocated", "returned", "expired"],
        "TraceReasonEnum": ["suspect", "illegitimate", "recalled", "compliance_audit", "health_authority_inspection"],
        "RecallClassEnum": ["I", "II", "III"],
        "InvestigationStepEnum": [
            *("suspect", "cleared", "illegitimate", "notified", "termination_requested", "terminated", "disposed")
        ],
        "MoveReasonEnum": ["damaged", "expired", "recalled", "inactive"],
        "MessageKindEnum": ["report", "response", "follow-up"],
        "CaseStateEnum": ["to_answer", "to_follow_up", "to_close", "resolved"],
    },
    "TAGS": [
        {"name": "submissions", "description": "EPCIS documents, signed by who hands them in."},
        {"name": "moves", "description": "What is done with packs: one call each."},
        {"name": "statements", "description": "Keys, and who may issue what."},
        {"name": "serials", "description": "Serial numbers: given out, printed, taken back."},
        {"name": "master data", "description": "What products and places are, by whom, from when to when."},
        {"name": "items", "description": "Packs and containers: verified, proven, opened."},
        {"name": "vrs", "description": "Verification messages between companies, as GS1 has them."},
        {
            "name": "verifications",
            "description": "What you verified, what came of it, alarms, samples of a suspect lot.",
        },
        {"name": "investigations", "description": "Suspect and illegitimate product: what is done about it, by when."},
        {"name": "labels", "description": "What stands on packs and pallets, to print."},
        {"name": "jobs", "description": "What takes longer than a second."},
        {"name": "cases", "description": "What a regulator looks into, and may read whole histories of."},
        {"name": "traces", "description": "Where goods have been: asked of partners, answered, proven."},
        {"name": "exceptions", "description": "What is wrong with a shipment: found, reported, settled; scorecards."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",  # the pages work without a network
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = EPCIS_MAX_BYTES
API_MAX_BYTES = EPCIS_MAX_BYTES + 16 * 1024 * 1024  # a document, its opening, its statement, and what is between them
FILE_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BYTES  # nothing that partners send waits in a temporary file

# Static files, and what a browser may do with our pages ---------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # a link may carry a serial number; with no-referrer forms have no Origin
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^(live|ready|metrics)$"]  # asked from beside the node, not through its proxy
SECURE_HSTS_SECONDS = 0 if DEBUG else int(timedelta(days=365).total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:  # which sets this header itself, and drops a client's
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What is measured, and what is written down ---------------------------------------------------------------------------
METRICS_TOKEN = env("METRICS_TOKEN", default="").strip()  # who reads /metrics; without one, this machine alone does
if METRICS_TOKEN and len(METRICS_TOKEN) < 16 and not DEBUG:
    raise ImproperlyConfigured("METRICS_TOKEN: expected 16 characters or more")
LOG_LEVEL = env("LOG_LEVEL", default="WARNING" if DEBUG else "INFO").strip().upper()
LOG_JSON = env.bool("LOG_JSON", default=not DEBUG)  # else in a form for people
logging.captureWarnings(LOG_JSON)  # Python's warnings are lines like any other
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_query": {"()": "traceability.logs.WithoutQuery"}},  # which may hold a serial number
    "formatters": {
        "server": {"()": "django.utils.log.ServerFormatter", "format": "[{server_time}] {message}", "style": "{"},
        "told": {"()": "traceability.logs.formatter", "as_json": LOG_JSON},
    },
    "handlers": {
        "server": {"class": "logging.StreamHandler", "formatter": "server", "filters": ["without_query"]},
        "told": {"class": "logging.StreamHandler", "formatter": "told"},
    },
    "root": {"level": LOG_LEVEL, "handlers": ["told"]},
    "loggers": {
        "django": {"level": LOG_LEVEL, "handlers": []},  # all is told by the root, and nothing twice
        "gunicorn.error": {"level": LOG_LEVEL, "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},  # `observing` has the better line
        "httpx": {"level": "WARNING"},  # it tells every address that it asks, query and all
        "celery.app.trace": {"level": "WARNING"},  # a sweep every few seconds is no news
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # a refusal is an answer, not an event of the operator's
        "django.server": {"handlers": ["server"], "level": "INFO", "propagate": False},  # the development server
    },
}
