"""Diagrams of the statuses: a small layered layout, and drawings of it in SVG.

`layers` decides what stands above what and in which order, `placing` where exactly, `drawing` makes the SVG, and
`charts` the graphs of the statuses and of what leads from one to the other.  Everything is computed here, so that the
documentation needs neither a program that draws nor a network.
"""
