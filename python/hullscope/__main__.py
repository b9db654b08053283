"""The command ``hullscope``, also as ``python -m hullscope``."""

import sys

from . import _core


def main() -> int:
    """Run the command with the arguments of this process; return its exit code."""
    return _core.command(["hullscope", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
