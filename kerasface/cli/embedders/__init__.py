"""`kerasface embedders ...`"""
