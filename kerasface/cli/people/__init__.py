"""`kerasface people ...`"""
