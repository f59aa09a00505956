# SPDX-License-Identifier: GPL-3.0-or-later
"""serve.py MODULE PORT THREADS: a WSGI module's `application` under cheroot, on loopback only."""

from __future__ import annotations

import importlib
import sys

from cheroot import wsgi

module, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# oslo.config of the application reads sys.argv at import time.
sys.argv = [module]
application = importlib.import_module(module).application
wsgi.Server(("127.0.0.1", port), application, numthreads=threads, request_queue_size=256, timeout=60).safe_start()
