"""``python -m cnnwidgets`` is the command ``cnnwidgets``."""

import sys

from cnnwidgets.cli import main

sys.exit(main())
