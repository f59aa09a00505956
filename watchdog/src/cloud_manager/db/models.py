# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables. Times are seconds since the epoch in double precision; long texts and JSON are MEDIUMTEXT on MariaDB."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Double, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TABLE_OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
NAME = String(255)
WORD = String(32)
LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
TIME: Double[float] = Double()


class Base(DeclarativeBase):
    __table_args__: Any = TABLE_OPTIONS


class Lease(Base):
    """One row: who may act. expires_at is in the database's own time."""

    __tablename__ = "lease"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(NAME)
    epoch: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[float] = mapped_column(TIME)


class Observer(Base):
    """One row: when the observer was last blind. missing is a JSON list of the hosts that have not come back since."""

    __tablename__ = "observer"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    blind_at: Mapped[float | None] = mapped_column(TIME)
    missing: Mapped[str] = mapped_column(LONG)


class Host(Base):
    """A tracked host; healthy hosts have no row. fence is a JSON object, accounted a JSON list of server ids."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    state: Mapped[str] = mapped_column(WORD)
    since: Mapped[float] = mapped_column(TIME)
    reason: Mapped[str] = mapped_column(LONG)
    downs: Mapped[int] = mapped_column(Integer)
    ups: Mapped[int] = mapped_column(Integer)
    beats: Mapped[int] = mapped_column(Integer)
    heartbeat_at: Mapped[float | None] = mapped_column(TIME)
    incident: Mapped[int | None] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer)
    job: Mapped[str] = mapped_column(NAME)
    read_job: Mapped[str] = mapped_column(NAME)
    retry_at: Mapped[float | None] = mapped_column(TIME)
    forced_down_by_us: Mapped[bool] = mapped_column(Boolean)
    fence: Mapped[str | None] = mapped_column(LONG)
    accounted: Mapped[str] = mapped_column(LONG)


class Incident(Base):
    """From first suspicion to its end; closed_at is empty while it is open."""

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_host", "host"), TABLE_OPTIONS)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    host: Mapped[str] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(WORD)
    opened_at: Mapped[float] = mapped_column(TIME)
    closed_at: Mapped[float | None] = mapped_column(TIME)
    reason: Mapped[str] = mapped_column(LONG)


class IncidentStep(Base):
    """One line of the timeline, in the order of id."""

    __tablename__ = "incident_steps"
    __table_args__ = (Index("ix_incident_steps_incident", "incident"), TABLE_OPTIONS)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    incident: Mapped[int] = mapped_column(ForeignKey("incidents.id", name="fk_incident_steps_incident"))
    host: Mapped[str] = mapped_column(NAME)
    at: Mapped[float] = mapped_column(TIME)
    state: Mapped[str] = mapped_column(WORD)
    text: Mapped[str] = mapped_column(LONG)


class Job(Base):
    """A playbook run; the key is its idempotency key. power, left_behind and failed are JSON objects."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_incident", "incident"),
        Index("ix_jobs_status", "status"),
        TABLE_OPTIONS,
    )

    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    kind: Mapped[str] = mapped_column(WORD)
    host: Mapped[str] = mapped_column(NAME)
    incident: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(WORD)
    power: Mapped[str | None] = mapped_column(LONG)
    left_behind: Mapped[str] = mapped_column(LONG)
    failed: Mapped[str] = mapped_column(LONG)
    message: Mapped[str] = mapped_column(LONG)


class InstanceMove(Base):
    """One server of an incident: where from, where to, in which state."""

    __tablename__ = "instance_moves"

    incident: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", name="fk_instance_moves_incident"), primary_key=True, autoincrement=False
    )
    server_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    source: Mapped[str] = mapped_column(NAME)
    destination: Mapped[str] = mapped_column(NAME)
    priority: Mapped[int | None] = mapped_column(Integer)
    status_before: Mapped[str] = mapped_column(WORD)
    status: Mapped[str] = mapped_column(WORD)
    outcome: Mapped[str] = mapped_column(WORD)
    reason: Mapped[str] = mapped_column(LONG)
    attempts: Mapped[int] = mapped_column(Integer)
    requested_at: Mapped[float | None] = mapped_column(TIME)
    accepted_at: Mapped[float | None] = mapped_column(TIME)
    finished_at: Mapped[float | None] = mapped_column(TIME)


class Maintenance(Base):
    """Hosts that an operator works on."""

    __tablename__ = "maintenance"

    host: Mapped[str] = mapped_column(NAME, primary_key=True)
    reason: Mapped[str] = mapped_column(LONG)
    who: Mapped[str] = mapped_column(NAME)
    at: Mapped[float] = mapped_column(TIME)


class Acknowledgement(Base):
    """An operator's word that a host is off; it counts while its incident is open."""

    __tablename__ = "acknowledgements"

    incident: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", name="fk_acknowledgements_incident"), primary_key=True, autoincrement=False
    )
    host: Mapped[str] = mapped_column(NAME)
    who: Mapped[str] = mapped_column(NAME)
    why: Mapped[str] = mapped_column(LONG)
    at: Mapped[float] = mapped_column(TIME)


class PowerControl(Base):
    """Device that switches hosts; password is encrypted, "" for none. options is a JSON object."""

    __tablename__ = "power_controls"
    __table_args__ = (UniqueConstraint("title", name="uq_power_controls_title"), TABLE_OPTIONS)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    title: Mapped[str] = mapped_column(NAME)
    protocol: Mapped[str] = mapped_column(WORD)
    address: Mapped[str] = mapped_column(NAME)
    port: Mapped[int] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(NAME)
    password: Mapped[str] = mapped_column(LONG)
    outlets: Mapped[int] = mapped_column(Integer)
    options: Mapped[str] = mapped_column(LONG)


class PowerLink(Base):
    """Host on an outlet of a control, or one of the machines behind it; a place can be linked once.

    Outlet 0 and machine "": the control has but one place. options is a JSON object. check_*: the last reading.
    """

    __tablename__ = "power_links"
    __table_args__ = (
        UniqueConstraint("control_id", "outlet", "machine", name="uq_power_links_place"),
        Index("ix_power_links_host", "host"),
        TABLE_OPTIONS,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    control_id: Mapped[int] = mapped_column(ForeignKey("power_controls.id"))
    host: Mapped[str] = mapped_column(NAME)
    outlet: Mapped[int] = mapped_column(Integer)
    machine: Mapped[str] = mapped_column(NAME)
    is_default: Mapped[bool] = mapped_column(Boolean)
    options: Mapped[str] = mapped_column(LONG)
    identity: Mapped[str] = mapped_column(NAME)
    verified_at: Mapped[float | None] = mapped_column(TIME)
    initialised_at: Mapped[float | None] = mapped_column(TIME)
    check_at: Mapped[float | None] = mapped_column(TIME)
    check_state: Mapped[str] = mapped_column(WORD)
    check_message: Mapped[str] = mapped_column(LONG)


class ActionLog(Base):
    """What operators did: who, when, what, to which object. result: None where there is no more than the act itself,
    "" from the beginning of an act to its end."""

    __tablename__ = "action_log"
    __table_args__ = (Index("ix_action_log_at", "at"), TABLE_OPTIONS)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[float] = mapped_column(TIME)
    who: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(NAME)
    subject: Mapped[str] = mapped_column(NAME)
    details: Mapped[str] = mapped_column(LONG)
    result: Mapped[str | None] = mapped_column(WORD)
