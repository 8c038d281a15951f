"""How Hypothesis behaves in this test suite.

Nothing of migspec may be imported here: pytest loads this file before typeguard's import hook is there, and
what is imported before the hook is not checked.
"""

from hypothesis import HealthCheck, settings

# No result may depend on how busy the machine is, and the same tree must give the same result twice.
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("gate"), derandomize=False, max_examples=20_000)
settings.load_profile("gate")
