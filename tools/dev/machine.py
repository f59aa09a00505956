# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the Debian packages that the tests against real services need and that are missing; the lab names them."""

import sys

from tests.lab import requisites
from tests.lab.errors import LabError


def main() -> int:
    """Install what is missing; 1 with the reason on standard error where that is not possible."""
    missing = requisites.missing_packages({**requisites.PACKAGES, **requisites.TEST_PACKAGES})
    try:
        if missing:
            print(f"installing {', '.join(missing)}", flush=True)
            requisites.require_root()
            requisites.install_packages(missing)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
