"""What the two processes of a migration say to each other: a small protocol of our own, in place of QEMU's stream.

`messages` holds the messages, `encoding` their form as bytes.  A connection carries the messages of the source to the
destination and, as QEMU's return path does, those of the destination back.
"""
