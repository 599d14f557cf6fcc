"""Carries a command out: reads what was typed, calls the API, and ends with the code for what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from mailferry.cli.api import Api
from mailferry.cli.arguments import parser
from mailferry.cli.domains import domain, test_message
from mailferry.cli.endpoints import endpoint
from mailferry.cli.exits import CommandFailed, Exit
from mailferry.cli.files import drop
from mailferry.cli.operate import OPERATIONS, operate, shred
from mailferry.cli.output import Output
from mailferry.cli.plans import plan
from mailferry.cli.provisioning import provision
from mailferry.cli.reports import report
from mailferry.cli.status import status
from mailferry.cli.templates import template
from mailferry.cli.validate import validate
from mailferry.cli.where import where

_COMMANDS: Mapping[str, Callable[..., Exit]] = {
    "validate": validate,
    "drop": drop,
    "status": status,
    "report": report,
    "domain": domain,
    "test-message": test_message,
    "shred": shred,
    "plan": plan,
    "endpoint": endpoint,
    "provision": provision,
    "template": template,
    **dict.fromkeys(OPERATIONS, operate),
}


def main(arguments: Sequence[str]) -> int:
    """The exit code. argparse ends the process itself for wrong usage (2) and for `--help` (0)."""
    args = parser().parse_args(arguments)
    out = Output(as_json=getattr(args, "json", False))
    try:
        found = where(getattr(args, "url", None), getattr(args, "key_file", None), os.environ)
        with Api(found) as api:
            return _COMMANDS[args.command](api, args, out)
    except CommandFailed as failed:
        out.fail(failed)
        return failed.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, such as `head`: nothing more is to be written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
