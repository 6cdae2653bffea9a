"""Named points at which a test has something go wrong, to see what that leaves behind.

UNITPROOF_FAILPOINT=capture.judged            the process is killed there, as by `kill -9`
UNITPROOF_FAILPOINT=capture.judged:error      what stands there fails, after what stands before has had its effect
UNITPROOF_FAILPOINT=capture.judged:stall:30   it takes 30 seconds, as where a disk or a network hangs
"""

import os
import signal
import time

_ARMED, _, _FAULT = os.environ.get("UNITPROOF_FAILPOINT", "").partition(":")  # empty everywhere but in such a test


class Fault(OSError):
    """What a test asked for."""


def failpoint(name: str) -> None:
    """Have the fault happen here, if this is the point that the environment names."""
    if name == _ARMED:
        _happen()


def _happen() -> None:
    fault, _, seconds = _FAULT.partition(":")
    match fault:
        case "":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise Fault(f"a test has this fail: {_ARMED}")
        case "stall":
            time.sleep(float(seconds))
