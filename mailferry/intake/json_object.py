"""JSON as an administrator wrote it: read strictly, and every complaint names the value by its path, as `$.a[0].b`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence

from mailferry.errors import BatchRefused

MAX_BYTES = 20_000  #: largest options file that is read; its lists of folders must fit columns of a table
SHOWN = 20  #: problems that one refusal tells
REMEDY = "Correct the options file, then drop it and the CSV again."


class JsonObject(dict[str, object]):
    """A JSON object that remembers which keys it was given twice."""

    twice: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, object]]) -> JsonObject:
        made = cls(pairs)
        keys = [key for key, _ in pairs]
        made.twice = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        return made


def parsed(data: bytes, file: str = "options file", remedy: str = REMEDY) -> JsonObject:
    """The object that the file is. Raises `BatchRefused` when it is none; `file` is what the complaint calls it."""
    if len(data) > MAX_BYTES:
        raise BatchRefused(f"The {file} has {len(data):,} bytes; at most {MAX_BYTES:,} are read.", remedy)
    try:
        top = json.loads(text_of(data), object_pairs_hook=JsonObject.of, parse_constant=_no_number)
        json.dumps(top, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BatchRefused(f"The {file} is not JSON: {error.msg}, at {where}.", remedy) from None
    except UnicodeDecodeError:
        raise BatchRefused(f"The {file} is not JSON: it is no UTF-8 text.", "Save it as UTF-8.") from None
    except UnicodeEncodeError:  # such as \ud800, which no table and no report can hold
        raise BatchRefused(f"The {file} holds half a character, written as \\ud….", remedy) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets, NaN
        raise BatchRefused(f"The {file} holds a number or a nesting that is too large.", remedy) from None
    if not isinstance(top, JsonObject):
        raise BatchRefused(wrong("$", top, 'an object like {"endpoint": {…}}'), remedy)
    return top


def text_of(data: bytes) -> str:
    """The text, in whichever UTF it was saved (PowerShell writes UTF-16). Raises UnicodeDecodeError."""
    return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")


def refusal(problems: Sequence[str], remedy: str) -> BatchRefused:
    """The error that says what is wrong: of very many problems, the first."""
    more = [f"And {len(problems) - SHOWN:,} more."] if len(problems) > SHOWN else []
    return BatchRefused(" ".join([*problems[:SHOWN], *more]), remedy)


def _no_number(word: str) -> object:
    raise ValueError(word)


def check_keys(section: JsonObject, path: str, known: Sequence[str], problems: list[str]) -> None:
    """Complain of keys that are unknown or there twice."""
    problems.extend(f"{path}.{key} is there twice." for key in section.twice)
    for key in section:
        if key not in known:
            near = difflib.get_close_matches(key.casefold(), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            problems.append(f"{path}.{short(key)} is unknown; {hint}")


def wrong(path: str, value: object, allowed: str) -> str:
    """The complaint about a value, with what would be right."""
    return f"{path} is {short(json.dumps(value, ensure_ascii=False))}; allowed is {allowed}."


def short(text: str) -> str:
    """The text, cut when it is long."""
    return text if len(text) <= 60 else f"{text[:59]}…"
