# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator has configured: INI files read by oslo.config, given to the rest as one frozen value."""

from cloud_manager.config.loading import DEFAULT_FILES, list_opts, load
from cloud_manager.config.model import Config

__all__ = ["DEFAULT_FILES", "Config", "list_opts", "load"]
