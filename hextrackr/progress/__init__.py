"""Progress of any long operation, for any number of watchers.

A pure package: time comes from a :class:`~hextrackr.progress.session.Clock`, events go to a callable. It knows nothing of
CSV files, Flask or sockets; ``create_app`` passes in the real clock and the real ``emit``.
"""
