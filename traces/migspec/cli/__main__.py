"""The command line as `python -m migspec.cli`, for where the program `migspec` is not installed."""

import sys

from migspec.cli.entry import main

sys.exit(main())
