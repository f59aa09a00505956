# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options by which every module of the collection finds its cloud."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the cloud in C(clouds.yaml).
      - Without it, E(OS_CLOUD), else the other C(OS_*) variables, as openstacksdk reads them.
      - E(OS_CLIENT_CONFIG_FILE) names a C(clouds.yaml) in another place.
    type: str
  region_name:
    description: Region of the cloud. Without it, the one that the configuration names.
    type: str
  interface:
    description:
      - Which endpoint of the catalogue is used.
      - Without it, the one that the configuration names, else V(public).
    type: str
    choices: [public, internal, admin]
  validate_certs:
    description: Whether the certificates of the cloud are checked. Without it, what the configuration says.
    type: bool
  ca_cert:
    description: File with the certificates of the authorities that are trusted for this cloud.
    type: path
  api_timeout:
    description: Seconds after which one request to the API is given up.
    type: float
    default: 60.0
  api_patience:
    description:
      - Seconds for which a request that may be repeated is tried again while the API does not answer.
      - Only requests that change nothing, or set an absolute state, are repeated.
    type: float
    default: 60.0
requirements:
  - openstacksdk >= 1.0
notes:
  - Runs where it can reach the cloud's API, usually with C(connection=local).
"""
