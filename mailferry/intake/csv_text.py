"""From a dropped file's bytes to text: which encoding it was saved in, and what it is if it is no text."""

from __future__ import annotations

import codecs
import re

from mailferry.intake.problems import StructureRefused

#: Largest file that is read, in bytes.
MAX_BYTES = 10 * 1024 * 1024

_SAVE_AS = 'Open it in Excel and save it as "CSV UTF-8 (Comma delimited)", then drop it again.'

_MAGIC = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a rich-text document (RTF)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
)


def decoded(data: bytes) -> tuple[str, list[str]]:
    """The file as text, without byte-order mark and padding, and what to note about its encoding.

    Raises `StructureRefused` when it is no text.
    """
    if len(data) > MAX_BYTES:
        raise StructureRefused.because(
            f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} (10 MB) are read.",
            "Split it into several files; each becomes a batch of its own.",
        )
    start = data[:16].lstrip().lower()
    for magic, looks_like in _MAGIC:
        if start.startswith(magic.lower()):
            raise StructureRefused.because(f"This is no CSV: it looks like {looks_like}.", _SAVE_AS)
    encoding, name = _encoding(data)
    if name == "UTF-16" and len(data) % 2 and data[-1:] in b"\x00\x1a":
        data = data[:-1]  # one byte of padding, added by a tool that doesn't know UTF-16
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(data, encoding, name, error) from None
    text = text.removeprefix("\ufeff").rstrip("\x00\x1a")
    if "\x00" in text:
        raise StructureRefused.because("This is no text: there are NUL bytes in it.", _SAVE_AS)
    return text, [] if name == "UTF-8" else [f"decoded as {name}"]


def _encoding(data: bytes) -> tuple[str, str]:
    """Codec and everyday name of the encoding, by byte-order mark, by the pattern of NULs, by trial."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8", "UTF-8"
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32", "UTF-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "UTF-16"
    # Without a mark the header gives it away: in UTF-16 every other byte of an ASCII word is NUL.
    head = data[:16]
    if len(head) >= 2:
        if not any(head[1::2]) and all(head[0::2]):
            return "utf-16-le", "UTF-16"
        if not any(head[0::2]) and all(head[1::2]):
            return "utf-16-be", "UTF-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", "Windows-1252"
    return "utf-8", "UTF-8"


def _undecodable(data: bytes, encoding: str, name: str, error: UnicodeDecodeError) -> StructureRefused:
    if encoding == "cp1252":
        cause = "This is neither UTF-8 nor Windows-1252 text."
    else:
        cause = f"The file says that it is {name}, but what follows is not."
    line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1 if encoding in ("utf-8", "cp1252") else 0
    return StructureRefused.because(cause, _SAVE_AS, line)
