"""Making a trace that violates a rule as short as can be, with the same violation at the same message.

`log` reads what is to be shrunk, and `wanted` says what must stay true of it.  `pieces` and `members` say what can be
left out and `minimal` in which order it is tried; `search` does it, by a `deadline`.  `written` has what is left as a
trace and as a test.
"""
