"""A gallery on a PostgreSQL server, which never sees a face: the same sealed rows, opened by whoever has the key."""
