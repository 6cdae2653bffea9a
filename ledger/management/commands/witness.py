"""manage.py witness: a witness alone, for whoever wants to see that a log tells everybody the same."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand, CommandError, CommandParser
from gunicorn.app.base import BaseApplication
from gunicorn.util import parse_address

from ledger import keys
from ledger.management.policy_file import HELP, read_policy
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.errors import LogError


class Command(BaseCommand):
    help = "Cosign the checkpoints of other logs. Needs no database: what it remembers is a file in its folder."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where its key and its memory are, or will be made")
        parser.add_argument("--name", required=True, help="of its key, such as witness.example/w1")
        parser.add_argument("--logs", type=Path, required=True, help=HELP)
        told = "127.0.0.1:8100 by default"
        parser.add_argument("--bind", type=address, default="127.0.0.1:8100", metavar="ADDRESS", help=told)

    def handle(self, *args: Any, **options: Any) -> None:
        if not read_policy(options["logs"]).logs:
            raise CommandError(f"{options['logs']}: no log to witness; expected a `log` line for each")
        if options["folder"].exists() and not options["folder"].is_dir():
            raise CommandError(f"{options['folder']} is no folder")
        settings.KEYS_DIR, settings.WITNESS_NAME = options["folder"].resolve(), options["name"]
        settings.WITNESSED_LOGS, settings.ROOT_URLCONF = options["logs"].resolve(), "ledger.witness_urls"
        settings.DEBUG, settings.MIDDLEWARE = False, []  # what it answers is the same for everybody, under any name
        try:
            Cosigner(options["name"], PrivateKey.generate())  # a name that is none is refused before anything is made
            keys.make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
            cosigner = keys.cosigner()
        except LogError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"witness {cosigner.name} {cosigner.verifier} http://{options['bind']}")
        self.stdout.flush()
        _Server(options["bind"]).run()


def address(text: str) -> str:
    """What gunicorn can listen at: host and port, or a Unix socket."""
    try:
        parse_address(text)
    except RuntimeError as error:
        raise ArgumentTypeError(f"{text} is no address: {error}") from error
    return text


class _Server(BaseApplication):
    """gunicorn, with four threads of one process."""

    def __init__(self, bind: str) -> None:
        self.bind = bind
        super().__init__()

    def load_config(self) -> None:
        for name, value in {"bind": self.bind, "workers": 1, "threads": 4, "loglevel": "warning"}.items():
            self.cfg.set(name, value)
        self.cfg.set("control_socket_disable", True)
        if settings.LOG_JSON:
            self.cfg.set("logconfig_dict", settings.LOGGING)

    def load(self) -> WSGIHandler:
        return WSGIHandler()
