"""Properties are tried with the same draws in every run, so that a change is judged by the change alone.

`make fuzz` tries them with new draws: HYPOTHESIS_PROFILE=new-draws.
"""

import os

from hypothesis import settings

settings.register_profile("same-draws", derandomize=True)
settings.register_profile("new-draws", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same-draws"))
