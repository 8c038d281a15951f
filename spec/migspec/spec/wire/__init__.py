"""The bytes of a monitor: JSON as QEMU reads it, the form of a request, of an id, and of a greeting.

QEMU reads JSON with a parser of its own, which takes more than JSON in some places and less in others, and
which answers bad input with exact words. `tokens` cuts bytes into tokens, `parser` makes a value of a
balanced run of them, `strings` and `numbers` read the two kinds of token that carry something, and `stream`
puts the three together; `plain` reads at a stroke what needs no such care. `order` is that of an object's
members. `shape` says what is wrong with a value that is no request, `greeting` what is wrong with the first
message of a server.

Source: observed on QEMU 5.2.0, and compared with it on random input (`tests/live/test_wire_live.py`).
"""
