"""Who is known: persons, their templates, and the search among them."""
