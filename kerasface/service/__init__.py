"""The service: what the command line answers about photos, over HTTP, for other programs. FastAPI is used here only."""
