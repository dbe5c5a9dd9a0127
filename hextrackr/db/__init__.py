"""The database below the rules: engine, dialects, transactions, migrations."""
