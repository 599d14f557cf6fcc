"""The one way out: everything telemetry goes to Azure Monitor from here, once, and passes one filter on its way.

The Functions host pipes no logs of an app that says `PYTHON_ENABLE_OPENTELEMETRY`, and the worker sets up no pipeline
of its own unless it is told `PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY`, which it must not be.
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping

from mailferry.telemetry.filter import OwnWords

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"

#: Loggers whose lines are sent. Those of libraries are not: they quote URLs, keys of rows and what servers say.
LOGGERS = ("mailferry", "functions")

#: Libraries that the distribution would watch. Each of their requests would be a row, paid for, with its URL.
UNWATCHED = (
    "azure_sdk",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "httpx2",
    "psycopg2",
    "requests",
    "urllib",
    "urllib3",
)

#: No usage statistics and no remote switches of the exporter's maker, who is reached at addresses that a closed network
#: has no way to; no rows that only say how the exporter fares; and of the ways to find out where we run, the one that
#: asks nobody.
_DEFAULTS = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "azure_functions",
}


def configure(environment: MutableMapping[str, str] = os.environ) -> None:
    """Send telemetry to the Application Insights that the settings name; without one, don't even load the code for it.

    Signs in as APPLICATIONINSIGHTS_AUTHENTICATION_STRING says, which the exporter reads itself.
    """
    if not environment.get(CONNECTION):
        return
    for name, value in _DEFAULTS.items():
        environment.setdefault(name, value)
    # 0.35 s of imports, for an app that has somewhere to send telemetry to.
    from azure.monitor.opentelemetry import configure_azure_monitor

    first, *others = map(logging.getLogger, LOGGERS)
    configure_azure_monitor(
        connection_string=environment[CONNECTION],
        logger_name=first.name,
        sampling_ratio=1.0,
        disable_offline_storage=True,  # an instance is gone within minutes, and with it its disk
        enable_live_metrics=False,
        enable_performance_counters=False,
        instrumentation_options={library: {"enabled": False} for library in UNWATCHED},
    )
    handler = first.handlers[-1]  # which was added just now
    handler.addFilter(OwnWords())
    for logger in others:
        logger.addHandler(handler)
    for logger in (first, *others):
        logger.setLevel(logging.INFO)
