"""What holds for every test: none fails because the machine is slow; what must be fast is for `dlp bench`."""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("unhurried")
