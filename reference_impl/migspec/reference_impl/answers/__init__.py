"""What the modelled QEMU says: the contents of replies, events and error texts, made from what they are to tell.

Everything here is a pure function.  In which order members are printed is the server's business; the few that share a
slot of QEMU's hash table are given in that order here.

`interface` holds the schema that is served and `introspection` tells it; `general` answers what never changes while a
process lives, `settings` tells parameters and capabilities, `status` and `migration` how things stand, `events` what
happens by itself.  `lines`, `assignments` and `human` speak with people, and `words` finds the text of an error where a
contract leaves it open.
"""
