"""Files and streams: reading, decompression, limits, writing whole or not at all."""
