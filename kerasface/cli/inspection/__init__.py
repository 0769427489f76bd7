"""`kerasface inspect ...`"""
