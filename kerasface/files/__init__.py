"""Files and folders: paths as users give them, locks, and replacements that survive a kill."""
