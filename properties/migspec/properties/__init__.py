"""What must never happen in a migration and what must always happen, and the search for a counterexample.

A property is a named predicate over what is certain of one or more VMs, such as that no two of them run the
same guest.  The search drives anything that satisfies the `Subject` protocol, and is handed the judge of what
it recorded as an argument; this package therefore knows neither the model nor the checker.

So far it holds `pairs`, what ties the two VMs of one migration together, and `strategies`, from which values, requests
and sequences of them are drawn.  There is no `Subject` and no search yet.
"""
