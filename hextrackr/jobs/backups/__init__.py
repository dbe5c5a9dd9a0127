"""Back up the whole record while the server runs, check backups, and restore them. SQLite only."""
