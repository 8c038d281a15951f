"""What was seen on the monitors of real VMs, and whether the specification allows it.

`format` reads and writes traces and `framing` cuts the stream of a monitor into messages; `record` and
`relay` are the recorder.  To judge a trace, `messages` and `reading` reduce what was seen to `observations`,
`hypotheses` holds the states of a VM that are consistent with everything so far, and `automaton` remembers
where each observation leads, from `beginnings` on and past a mismatch by `recovery`.  `vm` judges one VM,
`judge` a whole trace; `explain` and `findings` say what came of it.

Only the native trace format is read: importers for the logs of other programs are not there yet.
"""
