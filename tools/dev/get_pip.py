# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the get-pip script that ansible-test would download: Python's own pip installs the pip asked for.

ansible-test runs it with get-pip's arguments: the packages to install, pip among them, and pip's options.
"""

import subprocess
import sys

WITHOUT_MEANING_HERE = ("--no-setuptools", "--no-wheel")

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
wanted = [argument for argument in sys.argv[1:] if argument not in WITHOUT_MEANING_HERE]
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *wanted], stdout=subprocess.DEVNULL)
