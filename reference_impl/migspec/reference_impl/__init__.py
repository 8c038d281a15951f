"""Something that behaves as the specification says: a model of migrating VMs, and a QMP server on top of it.

The model takes its steps from the rows and contracts of `migspec.spec` and adds none of its own.  From the inside out:

* `process` says what a modelled process is, `moving` how it takes rows, `answering` how it executes calls, and
  `machine` is all of that with monitors, a link and the time.  `source` and `destination` are its two sides, `commands`
  its methods, one a command, under the contracts that `contracts` makes of the specification's.
* What the specification leaves open is decided by the modelled world: when a row happens by `gates` and `physics`,
  which case of a command by `decisions`, in which order by `scheduling`.  `effects` are what commands do to that world.
* `answers` are the contents of replies and events, `qmp` is the protocol, `link` what two machines say to each other.
* `virtual` runs machines in virtual time, `serving` on sockets; `faults` lets things go wrong, `library` lends served
  machines to the tests of others.
"""
