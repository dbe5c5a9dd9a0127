"""Access to the database: engines, dialects, transactions, migrations."""
