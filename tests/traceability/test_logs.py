"""Serial numbers stay out of access logs, whoever serves."""

import datetime
import logging
from pathlib import Path
from types import SimpleNamespace

from gunicorn.config import Config
from gunicorn.glogging import Logger

LINE = "GET /api/v1/verify?scan=(01)00614141123452(21)SECRET HTTP/1.1"


def test_the_development_server_writes_no_query() -> None:
    logger = logging.getLogger("django.server")
    (handler,) = (each for each in logger.handlers if type(each) is logging.StreamHandler)
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, '"%s" %s %s', (LINE, "200", "9"), None)
    record.server_time = "now"
    assert handler.filter(record)
    assert handler.format(record) == '[now] "GET /api/v1/verify HTTP/1.1" 200 9'


def test_gunicorn_writes_no_query() -> None:
    settings: dict[str, str] = {}
    exec((Path(__file__).resolve().parents[2] / "gunicorn.conf.py").read_text(), settings)
    config = Config()
    config.set("access_log_format", settings["access_log_format"])
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": LINE.split()[1],
        "PATH_INFO": "/api/v1/verify",
        "QUERY_STRING": "scan=SECRET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": "http://localhost/?scan=SECRET",
        "REMOTE_ADDR": "127.0.0.1",
    }
    response = SimpleNamespace(status="200 OK", sent=9, headers=[])
    request = SimpleNamespace(headers=[("Referer", "http://localhost/?scan=SECRET")])
    atoms = Logger(config).atoms(response, request, environ, datetime.timedelta(milliseconds=3))
    written = config.access_log_format % atoms
    assert "GET /api/v1/verify HTTP/1.1" in written
    assert "SECRET" not in written
