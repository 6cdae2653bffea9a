#!/usr/bin/env python
"""Django's command line: `demo`, `partner`, `authority`, `keygen`, `audit`, ..."""

import os
import sys


def main() -> None:
    """What every command may run into, a setting or a table that is not there, is one line and no traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")
    except (OperationalError, ProgrammingError) as error:
        if not lacks_a_table(error):
            raise
        told = str(error).partition("\n")[0]
        sys.exit(f"manage.py: {told}: has this database been migrated? The demo's has; DEMO=1 names it")


def lacks_a_table(error: Exception) -> bool:
    """Of SQLite only the words tell; PostgreSQL has codes for it: undefined_table, undefined_column."""
    return getattr(error.__cause__, "sqlstate", None) in {"42P01", "42703"} or str(error).startswith(
        ("no such table", "no such column")
    )


if __name__ == "__main__":
    main()
