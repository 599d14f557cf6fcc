"""Causes and remedies reach people by the container, the HTTP API, the command line and the dashboard: they fit all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: A request, which only those can make who have come by the HTTP API.
_REQUEST = re.compile(r"\b(GET|POST|PUT|DELETE) /api|\bwith (GET|POST|PUT)\b|\((GET|POST|PUT)\)")


def _said(file: Path) -> Iterator[str]:
    """The strings of a module but for its docstrings, those of a formatted one in pieces."""
    tree = ast.parse(file.read_text("utf-8"))
    # A string that stands alone is a statement of nothing: a docstring.
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_words_of_the_app_send_a_person_to_an_http_route() -> None:
    files = [file for part in ("mailferry", "functions") for file in (ROOT / part).rglob("*.py")]
    said = [(file.name, words) for file in files for words in _said(file) if _REQUEST.search(words)]
    assert said == []
    assert len(files) > 100
