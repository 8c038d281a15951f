"""The recorded traces that several groups of sample faults start from; one that a single group needs is named there."""

PRECOPY = "precopy-unix"
POLLED = "precopy-polled-only"
CANCEL = "cancel-in-active"
PAUSE = "pause-before-switchover"
CONTINUE = "continue-with-wrong-states"
BAD_ADDRESS = "migrate-to-malformed-addresses-events-off"
