#!/usr/bin/env python3
"""The project's one entry, for people and for CI: ``python3 dev.py --help``.

The standard library alone starts it; what the commands need is installed into ``.venv``.
This file must stay readable for old Pythons, so that they can say that they are too old.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "dev.py needs CPython 3.11 or newer, and this is Python {}.{} ({}).\n"
        "Start it with a newer one, for example: python3.11 dev.py".format(
            sys.version_info[0], sys.version_info[1], sys.executable
        )
    )

from tools.commands import main

if __name__ == "__main__":
    sys.exit(main())
