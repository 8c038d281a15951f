"""Exhaustive search: every state that two VMs and their link can reach in a bounded environment.

`environment` and `environments` say what surrounds the VMs, `local` finds the steps of one of them, `graph` composes
both over the link.
"""
