"""The command ``hullscope``, also as ``python -m hullscope``."""

import os
import sys

from . import _core

#: Names of variables that say how Mesa's device-select layer is used, or that there is a desktop.
_WANTED = ("NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "XDG_RUNTIME_DIR")


def main() -> int:
    """Run the command with the arguments of this process; return its exit code."""
    # Without a desktop the layer writes errors to stderr. The binary turns it off itself (src/scan/gpu/layer.rs), unless there
    # are other threads, as NumPy has started them here.
    if not any(map(os.environ.get, _WANTED)):
        os.environ["NODEVICE_SELECT"] = "1"
    return _core.command(["hullscope", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
