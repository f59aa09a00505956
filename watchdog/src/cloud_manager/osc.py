# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide's commands `openstack aos ... -n cloud_manager`: a plugin of the OpenStack client, the same console."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from osc_lib.command import command

from cloud_manager.bootstrap import open_app
from cloud_manager.console import database, samples
from cloud_manager.console.running import add_config_files
from cloud_manager.errors import BadInput

# What the client reads of a plugin.
API_NAME = "aos"
API_VERSION_OPTION = "os_aos_api_version"
API_VERSIONS = ("1",)
DEFAULT_API_VERSION = "1"
MODULE = "cloud_manager"


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--os-aos-api-version", metavar="VERSION", help=f"default: {DEFAULT_API_VERSION}")
    return parser


def make_client(_instance: object) -> None:
    """These commands speak to no API."""


def add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--name", required=True, metavar="MODULE", help=f"AOS module: {MODULE}")


def check_name(args: argparse.Namespace) -> None:
    if args.name != MODULE:
        raise BadInput(f"module {args.name} is unknown: the only one installed here is {MODULE}")


class Configure(command.Command):
    """Write the sample files with every parameter and its default"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        samples.add_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        check_name(parsed_args)
        samples.configure(parsed_args, None)


class ListMigrations(command.Lister):
    """Show the migrations and which of them the database has"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        add_config_files(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        check_name(parsed_args)
        found = database.listed(open_app(parsed_args.config_file).config)["migrations"]
        return ("Migration", "Applied", "Description"), [tuple(step.values()) for step in found]


class Migrate(command.Command):
    """Bring the database to the newest migration, or to a given one"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        add_config_files(parser)
        database.add_migrate_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        check_name(parsed_args)
        database.migrate(parsed_args, open_app(parsed_args.config_file))
