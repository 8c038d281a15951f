"""What the modelled QEMU says: the contents of replies, events and error texts, made from what they are to tell.

Everything here is a pure function.  `order` puts members in QEMU's order, `interface` holds the schema that is served
and `introspection` tells it; `general` answers what never changes while a process lives, `settings` tells parameters
and capabilities, `status` and `migration` how things stand, `events` what happens by itself; `human` and `lines` speak
with people, and `words` finds the text of an error where a contract leaves it open.
"""
