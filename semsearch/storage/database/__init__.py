"""The collection's SQLite file: connections, schema, the state that is committed, transactions, migrations."""
