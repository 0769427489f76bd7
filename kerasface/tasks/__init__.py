"""What KerasFace does with photos, each in a module of its own: the way from files to a verdict."""
