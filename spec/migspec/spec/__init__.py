"""What is true of QEMU's live migration over QMP: tables, and the small functions that read them.

`schema` holds the commands, events and types of the wire, `vocabulary` its enumerations.  `state` names the
variables of a VM, `conditions` what may be asked of them, `rows` and `lifecycle` the steps that a VM takes by
itself, `contracts` and `commands` what a command may answer and change, `requests`, `arguments` and `uri`
what it was asked, and `steps` in which order threads and monitors may do all that.  `parameters` holds what is set and
read back, `numbers` how the statistics are related, `wire` how bytes become requests.  `rules` is the catalogue of all
rules, `profiles` lists the yardsticks.

Nothing here reads a file, looks at a clock or imports another package of this project.  Two profiles are
described, the written schema and QEMU 5.2.0.  Later releases and the TLA+ module are not there yet.
"""
