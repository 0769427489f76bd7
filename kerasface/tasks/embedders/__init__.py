"""Face networks of others: added, fetched, measured, compared."""
