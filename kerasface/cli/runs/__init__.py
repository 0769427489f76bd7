"""`kerasface runs ...`"""
