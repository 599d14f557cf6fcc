"""Mailferry's function app: every trigger is a blueprint in `functions/`."""

import logging

import azure.functions as func

from functions.api import blueprint as api
from functions.batch_jobs import blueprint as batch_jobs
from functions.dashboard import blueprint as dashboard
from functions.endpoints import blueprint as endpoints
from functions.engine import check_settings, start_telemetry
from functions.files import blueprint as files
from functions.folder_jobs import blueprint as folder_jobs
from functions.folders import blueprint as folders
from functions.intake import blueprint as intake
from functions.mailbox_jobs import blueprint as mailbox_jobs
from functions.plan_jobs import blueprint as plan_jobs
from functions.plans import blueprint as plans
from functions.poison import blueprint as poison
from functions.provision import blueprint as provision
from functions.sync import blueprint as sync
from functions.trials import blueprint as trials
from functions.validation import blueprint as validation
from functions.watch import blueprint as watch
from mailferry.identity import sign_in_in_front

# The Azure SDK logs every request it makes at INFO.
logging.getLogger("azure").setLevel(logging.WARNING)

start_telemetry()
check_settings()

# Who has signed in needs no key: `handled` asks for a role instead.
app = func.FunctionApp(
    http_auth_level=func.AuthLevel.ANONYMOUS if sign_in_in_front() else func.AuthLevel.FUNCTION,
)
_BLUEPRINTS = (
    intake,
    mailbox_jobs,
    folder_jobs,
    plan_jobs,
    batch_jobs,
    poison,
    sync,
    watch,
    api,
    files,
    folders,
    endpoints,
    plans,
    provision,
    trials,
    validation,
    dashboard,
)
for blueprint in _BLUEPRINTS:
    app.register_functions(blueprint)
