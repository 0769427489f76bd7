"""psycopg, which speaks to the server, with libraries of its own.

TensorFlow offers everybody its OpenSSL under the usual names. A libpq that is loaded after it and found those would end
the whole process at the first encrypted connection, so here it is told to look among its own libraries first.
"""

import os
import sys

_flags = sys.getdlopenflags()
sys.setdlopenflags(_flags | getattr(os, "RTLD_DEEPBIND", 0))  # of glibc; elsewhere libraries keep to themselves
try:
    import psycopg
    from psycopg import conninfo, sql
finally:
    sys.setdlopenflags(_flags)

__all__ = ["conninfo", "psycopg", "sql"]
