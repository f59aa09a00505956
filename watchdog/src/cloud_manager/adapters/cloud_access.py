# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cloud, by which credentials: read once, by openstacksdk's configuration as the modules read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack.config
import yaml
from keystoneauth1 import exceptions as keystone
from keystoneauth1.adapter import Adapter
from openstack.exceptions import SDKException

from cloud_manager.config.own import Cloud as CloudOptions
from cloud_manager.errors import BadInput

# Entry of the clouds.yaml that is written for jobs when the credentials stand in OS_* variables only.
FROM_ENVIRONMENT = "aos-environment"
HANDED_ON = ("auth", "auth_type", "region_name", "interface", "identity_api_version", "verify", "cacert", "cert", "key")


@dataclass(frozen=True, slots=True, repr=False)
class CloudAccess:
    """adapter: for the compute service, nothing sent yet. label: the cloud's name in messages.

    environment: variables by which a playbook finds the same cloud; never a password.
    clouds_yaml: text of the clouds.yaml that those variables need, or "" where it is a file already. Carries secrets.
    """

    adapter: Adapter
    label: str
    environment: Mapping[str, str]
    clouds_yaml: str


def open_access(options: CloudOptions, microversion: str) -> CloudAccess:
    """Raises BadInput where the cloud isn't configured, or not so that it could be used."""
    name = options.cloud or os.environ.get("OS_CLOUD", "")
    path = options.clouds_yaml
    if path and not Path(path).is_file():
        raise BadInput(f"[cloud] clouds_yaml: {path} does not exist; give the path of a file that this user may read")
    label = name or (f"of {path}" if path else "of the OS_* variables")
    wanted: dict[str, Any] = {"region_name": options.region_name, "interface": options.interface}
    try:
        # an explicit file wins over OS_CLIENT_CONFIG_FILE
        found = openstack.config.OpenStackConfig(
            config_files=[path] if path else None, load_envvars=not path, app_name="aos-cloud-manager"
        )
        region = found.get_one(cloud=name or None, **{key: value for key, value in wanted.items() if value})
        session = region.get_session()
    except (SDKException, keystone.ClientException, yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        cause = " ".join(str(error).split())[:300]
        raise BadInput(f"cloud {label} can't be used: {cause}; correct clouds.yaml or section [cloud]") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # what openstacksdk makes of YAML that is no clouds.yaml
        raise BadInput(
            f"cloud {label} can't be used: clouds.yaml has not the form `clouds: {{NAME: {{auth: ...}}}}`; correct it"
        ) from error
    session.timeout = options.read_timeout
    adapter = Adapter(
        session=session,
        service_type=region.get_service_type("compute"),
        service_name=region.get_service_name("compute"),
        interface=region.get_interface("compute"),
        region_name=region.get_region_name("compute"),
        endpoint_override=region.get_endpoint("compute"),
        default_microversion=microversion,
    )
    if name or path:
        return CloudAccess(adapter, label, _by_file(found, region.name or name), "")
    return CloudAccess(adapter, label, {"OS_CLOUD": FROM_ENVIRONMENT}, _as_yaml(region.config))


def _by_file(found: openstack.config.OpenStackConfig, name: str) -> dict[str, str]:
    """Paths are made absolute: a playbook runs in another folder."""
    environment = {"OS_CLOUD": name}
    for variable, filename in (
        ("OS_CLIENT_CONFIG_FILE", found.config_filename),
        ("OS_CLIENT_SECURE_FILE", found.secure_config_filename),
    ):
        if filename:
            environment[variable] = str(Path(filename).absolute())
    return environment


def _as_yaml(config: Mapping[str, Any]) -> str:
    entry = {key: config[key] for key in HANDED_ON if config.get(key) is not None}
    return str(yaml.safe_dump({"clouds": {FROM_ENVIRONMENT: entry}}))
