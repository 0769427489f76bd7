"""Tells a manifest of every row that comes or goes through a connection to SQLite, by triggers that no file holds."""

import sqlite3

from kerasface.gallery.sealing.manifest import WATCHED, Manifest, column_names, columns_of


def watch(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Lets every change of a row through this connection be known; call it outside of a transaction."""
    connection.create_function("noted_row", -1, manifest.note)
    for table in WATCHED:
        # Of the gallery's own row all but `traces`, which says nothing of what it holds.
        of = f" OF {', '.join(column_names(table))}" if table == "gallery" else ""
        for event, sides in {"INSERT": ("NEW",), "DELETE": ("OLD",), f"UPDATE{of}": ("OLD", "NEW")}.items():
            notes = "; ".join(
                f"SELECT noted_row('{table}', {1 if side == 'NEW' else -1}, {columns_of(table, side + '.')})"
                for side in sides
            )
            connection.execute(
                f"CREATE TEMP TRIGGER {event[:6].lower()}_{table} AFTER {event} ON main.{table} BEGIN {notes}; END"
            )
