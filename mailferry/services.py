"""Puts the engine together, once per process: settings, storage, and the services that the functions call."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.cutover.check import DomainChecks
from mailferry.cutover.trial import MxTrials
from mailferry.identity import app_identity
from mailferry.intake.endpoint_files import EndpointFiles
from mailferry.intake.files import Files
from mailferry.intake.ingest import CONTAINER, Intake
from mailferry.intake.writing import Writing
from mailferry.lifecycle.batch_work import BatchWork
from mailferry.lifecycle.carrying_out import CarryingOut
from mailferry.lifecycle.commands import Commands
from mailferry.lifecycle.completion import Completion
from mailferry.lifecycle.folder_files import FolderFiles
from mailferry.lifecycle.operations import Operations
from mailferry.lifecycle.passes import Passes
from mailferry.lifecycle.poison import Poison
from mailferry.lifecycle.removal import Removal
from mailferry.lifecycle.rotation import Rotation
from mailferry.lifecycle.shredding import Shredding
from mailferry.lifecycle.sync import Sync
from mailferry.lifecycle.watch import Watch
from mailferry.model import Endpoint
from mailferry.notify.rounds import Notifications
from mailferry.notify.template_pages import TemplatePages
from mailferry.planning.drops import Drops
from mailferry.planning.measuring import Measuring
from mailferry.planning.plans import Planning
from mailferry.planning.proposing import Proposing
from mailferry.planning.reading import Reading
from mailferry.planning.starting import Starting
from mailferry.provision.directory import Directory
from mailferry.provision.pages import ProvisionPages
from mailferry.provision.provisioning import Provisioning
from mailferry.report.labels import LabelLists
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.publish import Reports
from mailferry.report.shelf import Shelf
from mailferry.report.status import StatusPages
from mailferry.report.validation import ValidationReports
from mailferry.secrets.key_vault import VaultKey
from mailferry.secrets.local_keys import LocalKeys
from mailferry.secrets.remembered import Remembered
from mailferry.secrets.seal import KeyWrapper
from mailferry.settings import Settings
from mailferry.source.google_tokens import GoogleTokens
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.budgets import Budgets
from mailferry.state.clock import Clock, utc_now
from mailferry.state.definitions import Definitions
from mailferry.state.folders import Folders
from mailferry.state.homes import HomeStore
from mailferry.state.ledger import Ledger
from mailferry.state.left_rows import LeftRows
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.moves import Moves
from mailferry.state.mx_changes import MxChanges
from mailferry.state.notices import Notices
from mailferry.state.plans import Plans as PlansState
from mailferry.state.progress import Progress
from mailferry.state.storage import Storage
from mailferry.state.trials import Trials
from mailferry.state.validations import Validations
from mailferry.target.categories import Categories
from mailferry.target.graph import Graph
from mailferry.target.outbox import Outbox
from mailferry.target.preflight import Preflight
from mailferry.target.token import TokenSource
from mailferry.telemetry.addresses import Addresses
from mailferry.telemetry.credentials import Credentials
from mailferry.telemetry.mailboxes import Told
from mailferry.transfer.chunk import Chunks
from mailferry.transfer.folder_plan import FolderPlans
from mailferry.transfer.gmail_labels import GmailLabels
from mailferry.transfer.label_categories import LabelCategories
from mailferry.transfer.measure import Measures
from mailferry.transfer.plan import Plans
from mailferry.transfer.sessions import Sessions
from mailferry.transfer.target_check import TargetCheck
from mailferry.transfer.unfinished import Unfinished


@dataclass(frozen=True, slots=True)
class Services:
    """One service a trigger."""

    intake: Intake
    plans: Plans
    chunks: Chunks
    sync: Sync
    watch: Watch
    poison: Poison
    status: StatusPages
    shredding: Shredding
    operations: Operations
    batch_work: BatchWork
    domains: DomainChecks
    trials: MxTrials
    planning: Planning
    drops: Drops
    validation: ValidationReports
    files: Files
    shelf: Shelf
    folders: FolderFiles
    endpoints: EndpointFiles
    provisioning: Provisioning
    provisioned: ProvisionPages
    templates: TemplatePages


def make_services(settings: Settings, storage: Storage, clock: Clock = utc_now) -> Services:
    """The services over this storage."""
    keys = _keys(settings)
    told = Told(Addresses(storage.tables, plain=settings.plain_addresses))
    mailboxes, folders, batches = Mailboxes(storage, told.status), Folders(storage, clock), Batches(storage)
    ledger, moves, admission = Ledger(storage), Moves(storage), Admission(storage, clock)
    validations = Validations(storage)
    validation = ValidationReports(
        batches, validations, admission, storage.blobs, REPORTS, settings.limits.message_bytes, clock
    )
    reports = Reports(batches, mailboxes, folders, ledger, Progress(storage), storage.blobs, validation, clock)
    passes = Passes(mailboxes, folders, batches, admission, reports, settings.limits, told, clock)
    tokens = _tokens(settings)
    google = GoogleTokens(settings.google, clock) if settings.google else None
    homes = HomeStore(storage)
    sessions = Sessions(settings, batches, admission, keys, tokens, google, homes, Budgets(storage, clock))
    graph = Graph(tokens, base_url=settings.graph_url) if tokens else None
    labels = LabelLists(storage.blobs)
    writer = Categories(graph) if graph else None
    categories = LabelCategories(labels, batches, mailboxes, storage.tables, writer)
    check = TargetCheck(mailboxes, Preflight(graph) if graph else None)
    endpoints = EndpointFiles(Definitions(storage), admission, batches, storage.blobs, CONTAINER, REPORTS, clock)
    intake = Intake(
        Writing(mailboxes, folders, batches, admission, LeftRows(storage), clock),
        batches,
        admission,
        reports,
        storage.blobs,
        endpoints,
        keys,
        _default_endpoint(settings),
        settings.limits.message_bytes,
        storage.queues,
        settings.limits.chunk_seconds,
        clock,
    )
    planning = _planning(settings, storage, intake, admission, keys, clock)
    provisioning = Provisioning(Directory(graph) if graph else None, storage.blobs, clock)
    removal = Removal(mailboxes, folders, batches, reports, validations, Notices(storage), clock)
    carrying_out = CarryingOut(mailboxes, folders, batches, admission, clock)
    operations = Operations(
        carrying_out, batches, reports, removal, storage.queues, settings.limits.chunk_seconds, clock
    )
    sync = Sync(batches, admission)
    plans = FolderPlans(check, GmailLabels(homes, labels))
    return Services(
        intake=intake,
        plans=Plans(
            sessions,
            check,
            passes,
            folders,
            ledger,
            storage.queues,
            plans,
            Measures(sessions, check, passes, folders, validations, plans),
            Unfinished(folders, ledger, moves, settings.limits.lease_seconds),
        ),
        chunks=Chunks(
            sessions, check, passes, folders, ledger, moves, storage.queues, storage.blobs, categories, clock
        ),
        sync=sync,
        watch=Watch(
            mailboxes,
            folders,
            batches,
            admission,
            passes,
            reports,
            intake,
            endpoints,
            Commands(operations, storage.blobs, clock),
            Completion(batches, sync, reports, clock),
            removal,
            Rotation(batches, PlansState(storage), keys),
            Credentials(settings.entra, graph),
            Notifications(Notices(storage), storage.blobs, _outbox(settings, graph), clock),
            planning,
            provisioning,
            storage.queues,
            storage.blobs,
            clock,
        ),
        poison=Poison(passes, folders, planning, storage.queues),
        status=StatusPages(batches, folders, ledger, mailboxes),
        shredding=Shredding(mailboxes, batches, admission, storage.blobs, clock),
        operations=operations,
        batch_work=BatchWork(operations, intake),
        domains=DomainChecks(batches, MxChanges(storage), graph, clock=clock),
        trials=MxTrials(mailboxes, Trials(storage), sessions, graph, settings.notify_from, clock=clock),
        planning=planning,
        drops=Drops(intake, planning),
        validation=validation,
        files=Files(batches, storage.blobs, intake),
        shelf=Shelf(batches, storage.blobs),
        folders=FolderFiles(intake, PlansState(storage), storage.blobs),
        endpoints=endpoints,
        provisioning=provisioning,
        provisioned=ProvisionPages(provisioning),
        templates=TemplatePages(storage.blobs),
    )


def _default_endpoint(settings: Settings) -> Endpoint | None:
    server = settings.source
    if server is None:
        return None
    return Endpoint(server.host, server.port, server.security, server.check_certificate, settings.source_max_concurrent)


def _planning(
    settings: Settings, storage: Storage, intake: Intake, admission: Admission, keys: KeyWrapper, clock: Clock
) -> Planning:
    plans, seconds = PlansState(storage), settings.limits.chunk_seconds
    return Planning(
        plans,
        Reading(plans, intake, storage.queues),
        Measuring(plans, admission, keys, seconds, settings.target.timeout),
        Proposing(plans, intake, storage.blobs),
        Starting(plans, intake, storage.blobs, seconds),
        storage.queues,
        storage.blobs,
        settings.limits.stalled_seconds,
        clock,
    )


def _outbox(settings: Settings, graph: Graph | None) -> Outbox | None:
    return Outbox(graph, settings.notify_from) if graph and settings.notify_from else None


def _keys(settings: Settings) -> KeyWrapper:
    if settings.sealing_keys:
        return LocalKeys(settings.sealing_keys)
    return Remembered(VaultKey(settings.key_vault_key, app_identity()))


def _tokens(settings: Settings) -> TokenSource | None:
    if settings.target_auth != "xoauth2":
        return None
    return TokenSource(settings.entra)
