"""The tests: for pytest and for trial."""

import signal

# A shell that runs something in the background has it ignore SIGINT, and whatever it starts too; programs are interrupted
# in some tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
