"""`kerasface evaluate ...`"""
