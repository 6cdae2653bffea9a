"""Serial numbers stay out of access logs, whoever serves."""

import datetime
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

LINE = "GET /api/v1/verify?scan=(01)00614141123452(21)SECRET HTTP/1.1"


PACKS = ("/vrs/verify/gtin/00614141123452/lot/L1/ser/SECRET", "/01/00614141123452/21/SECRET", "/00/SECRET")


@pytest.mark.parametrize("path", PACKS)
def test_nor_does_either_write_a_path_that_a_standard_has_put_a_serial_number_into(path: str) -> None:
    (handler,) = (each for each in logging.getLogger("django.server").handlers if type(each) is logging.StreamHandler)
    record = logging.makeLogRecord({"msg": '"%s" %s %s', "args": (f"GET {path}?exp=1 HTTP/1.1", "200", "9")})
    assert handler.filter(record)
    assert "SECRET" not in record.getMessage()
    assert "SECRET" not in written_by_gunicorn(path)


def test_the_development_server_writes_no_query() -> None:
    logger = logging.getLogger("django.server")
    (handler,) = (each for each in logger.handlers if type(each) is logging.StreamHandler)
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, '"%s" %s %s', (LINE, "200", "9"), None)
    record.server_time = "now"
    assert handler.filter(record)
    assert handler.format(record) == '[now] "GET /api/v1/verify HTTP/1.1" 200 9'


def test_gunicorn_writes_no_query() -> None:
    written = written_by_gunicorn("/api/v1/verify")
    assert "GET /api/v1/verify HTTP/1.1" in written
    assert "SECRET" not in written


def written_by_gunicorn(path: str) -> str:
    settings: dict[str, Any] = {}
    exec((Path(__file__).resolve().parents[2] / "gunicorn.conf.py").read_text(), settings)
    config = Config()
    config.set("access_log_format", settings["access_log_format"])
    config.set("logger_class", settings["logger_class"])
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{path}?scan=SECRET",
        "PATH_INFO": path,
        "QUERY_STRING": "scan=SECRET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": "http://localhost/?scan=SECRET",
        "REMOTE_ADDR": "127.0.0.1",
    }
    response = SimpleNamespace(status="200 OK", sent=9, headers=[])
    request = SimpleNamespace(headers=[("Referer", "http://localhost/?scan=SECRET")])
    atoms = config.logger_class(config).atoms(response, request, environ, datetime.timedelta(milliseconds=3))
    return str(config.access_log_format % atoms)
