"""Test vectors for projects in other languages: what may come of command sequences, judged traces, and schema samples.

`requests` has what is asked, `sequences` in which situations, `patterns` and `graph` find what may come of it, and
`minimal` makes that small.  `verdicts` and `faults` are about traces, `samples` about values; `schemas` and `files` say
what is written.  Everything that is allowed is read from the tables of the specification.
"""
