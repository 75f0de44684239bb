// What the library reports of itself.

#ifndef DNATAG_SOURCES
#define DNATAG_SOURCES ""
#endif

// Hash of the sources that it was built from; see build_backend/dnatag_build.py.
const char *dnatag_sources(void) { return DNATAG_SOURCES; }
