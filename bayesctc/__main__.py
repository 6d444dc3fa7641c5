"""`python -m bayesctc`: the command, where its folder is not on the path."""

import sys

from bayesctc.cli.main import main

sys.exit(main())
