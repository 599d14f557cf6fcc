"""`python -m mailferry`: the command line for the HTTP API of a running Mailferry."""

import sys

if __name__ == "__main__":
    try:
        from mailferry.cli.main import main
    except ModuleNotFoundError as missing:
        sys.exit(f"The command line needs {missing.name}: pip install -r requirements-cli.txt")
    sys.exit(main(sys.argv[1:]))
