"""What can be asked of the copy of the record: functions marked as :func:`~hextrackr.readmodel.questions.question`.

They run in the reader process, which imports this package and with it every question.
"""
