"""What a scanner says of the state of a finding, as it is staged.

``PASSED`` is a check that found nothing: it resolves a finding that is on record and opens none. ``FIXED`` is a finding that was there
once, and is saved as a resolved one. ``NO_VERDICT`` is a check that failed, was skipped or left out by an exception: it leaves the
finding as it was. Where the rows of one finding differ, the greatest counts.
"""

PASSED, FIXED, NO_VERDICT, OPEN, RESURFACED = -2, -1, 0, 1, 2
