# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

from tests.targets.cli import main

sys.exit(main())
