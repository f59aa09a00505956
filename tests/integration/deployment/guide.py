# SPDX-License-Identifier: GPL-3.0-or-later
"""The installation guide's commands, as an administrator types them on a fresh controller.

The words and their order are the guide's. What has to differ says why, and docs/guide-mapping.md says it too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """where: on the controller, or beside the server of the database or of the messages. ours: not in the guide."""

    name: str
    commands: str
    where: str = "controller"
    ours: bool = False


BEFORE_UNITS = (
    Step(
        "an environment of its own: Debian's Python takes no packages from pip",
        "mkdir -p /opt/aos/cloud-manager/releases\n"
        "python3 -m venv /opt/aos/cloud-manager/releases/by-hand\n"
        "ln -s releases/by-hand /opt/aos/cloud-manager/current\n"
        "ln -s /opt/aos/cloud-manager/current/bin/aos-cloud-manager /usr/local/bin/aos-cloud-manager",
        ours=True,
    ),
    Step(
        "Installation 1",
        # The guide's own line redirects into the folder; its text names the file.
        "mkdir -p /tmp/rollback/cloud_manager\npip3 freeze > /tmp/rollback/cloud_manager/pip_before.txt",
    ),
    Step(
        "Installation 2",
        # On a fresh machine there is no such command yet.
        "openstack aos db list -n cloud_manager > /tmp/rollback/cloud_manager/migrations.txt || true",
    ),
    Step("Installation 3", 'pip3 install --quiet --no-index --find-links /srv/wheelhouse "{wheel}[osc]"'),
    Step("Installation 4", "pip3 freeze > /tmp/rollback/cloud_manager/pip_after.txt"),
    Step("Installation 5", "useradd -m aos\nprintf 'password\\npassword\\n' | passwd aos"),
    Step("Configuration 1", "openstack aos configure -n cloud_manager"),
    Step(
        "Configuration 2",
        "mkdir -p /var/log/aos/cloud-manager\nchown -R aos:aos /var/log/aos/cloud-manager",
    ),
    Step(
        "Configuration 3",
        "cp /etc/aos/aos.conf.example /etc/aos/aos.conf\n"
        "cp /etc/aos/cloud_manager.conf.example /etc/aos/cloud_manager.conf\n"
        # "if using non-standard parameters, edit them"
        "sed -i -e 's,^#loop_time = .*,loop_time = 2,' /etc/aos/cloud_manager.conf",
    ),
    Step(
        "Configuration 4",
        "CREATE DATABASE cloud_manager;\n"
        "GRANT ALL PRIVILEGES ON cloud_manager.* TO 'aos'@'localhost' IDENTIFIED BY 'password';\n"
        "GRANT ALL PRIVILEGES ON cloud_manager.* TO 'aos'@'%' IDENTIFIED BY 'password';",
        where="database",
    ),
    Step(
        "Configuration 5",
        "sed -i 's,^#url = mysql.*,url = mysql+pymysql://aos:password@127.0.0.1:{mariadb}/cloud_manager?charset=utf8,'"
        " /etc/aos/cloud_manager.conf",
    ),
    Step("Configuration 6", "openstack aos db migrate -n cloud_manager"),
    Step(
        "Configuration 7",
        "add_user aos password\nadd_vhost aos\nset_permissions -p aos aos .* .* .*\nset_permissions aos .* .* .*",
        where="broker",
    ),
    Step(
        "Configuration 8",
        "openstack user create --domain default --project service --project-domain default"
        " --password password --or-show aos",
    ),
    Step(
        "Configuration 9",
        "openstack role add --user aos --user-domain default --project service --project-domain default service",
    ),
    Step(
        "the key, the folder of the state, and how the watchdog reaches OpenStack",
        "sed -i -e 's,^#cloud =.*,cloud = aos,'"
        " -e 's,^#clouds_yaml =.*,clouds_yaml = /etc/aos/cloud_manager.clouds.yaml,' /etc/aos/cloud_manager.conf\n"
        "cat >/etc/aos/cloud_manager.clouds.yaml <<END\n"
        "clouds: {{aos: {{region_name: RegionOne, interface: internal, identity_api_version: 3, auth: {{\n"
        "  auth_url: '{keystone}/v3', username: aos, password: password, project_name: service,\n"
        "  user_domain_id: default, project_domain_id: default}}}}}}\n"
        "END\n"
        "aos-cloud-manager db create-key\n"
        "mkdir -p /var/lib/aos/cloud-manager\n"
        "chown aos:aos /etc/aos/cloud_manager.key /var/lib/aos/cloud-manager",
        ours=True,
    ),
)
AFTER_UNITS = (
    Step(
        "Configuration 10",
        "systemctl daemon-reload\n"
        "systemctl enable aos-cloud-manager-watchdog.service\n"
        "systemctl start aos-cloud-manager-watchdog.service",
    ),
    Step(
        "Configuration 11",
        'openstack service create --name cloud-manager --description "Cloud Manager Service" cloud-manager',
    ),
    Step(
        "Configuration 12",
        "openstack endpoint create --region RegionOne cloud-manager internal http://controller:9362\n"
        "openstack endpoint create --region RegionOne cloud-manager admin http://controller:9362\n"
        "openstack endpoint create --region RegionOne cloud-manager public http://controller:9362",
    ),
)
