"""The native core: C loops over numpy arrays, called through ctypes."""
