"""`python -m benchmarks.intake [ROWS]`: how long a CSV of so many rows (50,000) takes to be taken in, on Azurite."""

from __future__ import annotations

import base64
import os
import resource
import sys
import time

from devhost.azurite import Azurite
from mailferry.intake.csv_file import read_csv
from mailferry.services import make_services
from mailferry.settings import read_settings
from mailferry.state.azure import azure_storage

SETTINGS = {
    "SOURCE_HOST": "imap.example.com",
    "TARGET_AUTH": "login",
    "TARGET_PASSWORD": "unused",
    "SEALING_KEY": base64.b64encode(os.urandom(32)).decode(),
}


def main(rows: int) -> None:
    users = (f"user{number:05d}@contoso.com" for number in range(rows))
    csv = ("EmailAddress,UserName,Password\n" + "".join(f"{user},{user},pass-word\n" for user in users)).encode()
    start = time.perf_counter()
    read_csv(csv)
    parsed = time.perf_counter()
    with Azurite() as azurite:
        storage = azure_storage({"MigrationStorage": azurite.connection_string})
        services = make_services(read_settings(SETTINGS), storage)
        storage.blobs.write("batches", "large.csv", csv, "text/csv")
        began = time.perf_counter()
        services.intake.take("large.csv")
        taken = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| measure | value |\n|---|---|")
    print(f"| rows | {rows:,} |")
    print(f"| parsed and checked in | {parsed - start:.1f} s |")
    print(f"| taken in, from the blob to the waiting line, in | {taken - began:.0f} s |")
    print(f"| peak memory | {peak:.0f} MiB |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
