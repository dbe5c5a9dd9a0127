"""The verdicts of a scanner on a finding, as they are staged.

``PASSED`` is a check that found nothing: it resolves an existing finding and adds none. ``FIXED`` is an earlier finding, which is added as
a resolved one. ``NO_VERDICT`` is a check that failed, was skipped, or was excluded by an exception: it leaves the finding unchanged. If the
rows of one finding differ, the greatest verdict counts.
"""

PASSED, FIXED, NO_VERDICT, OPEN, RESURFACED = -2, -1, 0, 1, 2
