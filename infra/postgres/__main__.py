"""Entry of the supervisor; started by this directory's path, so that no cwd and no site matter."""

import sys
from pathlib import Path

# Run by path, sys.path[0] is this directory, whose module names would shadow other packages'.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from infra.postgres.supervisor import main  # noqa: E402  the path above has to be set first

if __name__ == "__main__":
    main(sys.argv[1:])
