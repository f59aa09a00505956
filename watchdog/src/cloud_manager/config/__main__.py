# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the sample files and the documentation's table: `python -m cloud_manager.config --samples DIR --docs FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path

from cloud_manager.config.samples import documented, write_samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cloud_manager.config", description=__doc__)
    parser.add_argument(
        "--samples", type=Path, metavar="DIR", help="write aos.conf.example and cloud_manager.conf.example there"
    )
    parser.add_argument("--docs", type=Path, metavar="FILE", help="renew the table of options in this Markdown file")
    args = parser.parse_args()
    if args.samples:
        write_samples(args.samples)
    if args.docs:
        args.docs.write_text(documented(args.docs.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
