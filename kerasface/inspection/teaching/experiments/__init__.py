"""Experiments that answer within seconds: small networks and points in a plane, by NumPy alone."""
