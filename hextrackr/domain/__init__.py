"""The rules: which host is which, what becomes of a finding, what an import changes."""
