"""Runs the command line as `python -m chattpl`."""

import sys

from chattpl.cli import main

if __name__ == "__main__":
    sys.exit(main())
