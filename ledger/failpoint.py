"""Named points at which a test has something go wrong, to see what that leaves behind.

UNITPROOF_FAILPOINT=capture.judged            the process is killed there, as by `kill -9`
UNITPROOF_FAILPOINT=capture.judged:error      what stands there fails, after what stands before has had its effect
UNITPROOF_FAILPOINT=capture.judged:stop       the process stands still there once, as where a disk or a machine hangs,
                                              until it is let go on, as by `kill -CONT`
"""

import os
import signal
from threading import get_ident

_NAME, _, _FAULT = os.environ.get("UNITPROOF_FAILPOINT", "").partition(":")  # empty everywhere but in such a test
_ARMED = {_NAME: _FAULT}


class Fault(OSError):
    """What a test asked for."""


def failpoint(name: str) -> None:
    """Have the fault happen here, if this is the point that the environment names."""
    if name in _ARMED:
        _happen(name)


def _happen(name: str) -> None:
    match _ARMED[name]:
        case "":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise Fault(f"a test has this fail: {name}")
        case "stop":
            del _ARMED[name]
            signal.pthread_kill(get_ident(), signal.SIGSTOP)  # this thread goes no further: another may be told later
