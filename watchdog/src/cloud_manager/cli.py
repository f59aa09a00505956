# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager`: the daemon and its console.

Exit status: 0 done, 2 what was typed or configured can't be used, 1 something else stood in the way.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from cloud_manager.bootstrap import App, open_app
from cloud_manager.console import database, incidents, operators, plan, power_controls, running, samples, status
from cloud_manager.console.running import add_config_files
from cloud_manager.errors import BadInput, CloudManagerError

GROUPS = (running, plan, status, incidents, operators, power_controls, database, samples)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries log is not what an operator asked for
    try:
        app: App | None = open_app(args.config_file) if args.needs_configuration else None
        return int(args.handler(args, app))
    except CloudManagerError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing more to say to anybody
        return 1


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="aos-cloud-manager", description="Watches hypervisors of OpenStack and recovers their servers."
    )
    add_config_files(root)
    root.set_defaults(needs_configuration=True)
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for group in GROUPS:
        group.register(commands)
    return root


if __name__ == "__main__":
    sys.exit(main())
