"""What scoring does most, compiled for this processor, where a C++ compiler was present when the package was installed.

The sources are C++17 with the vectors of GCC and Clang, no intrinsics: one text for all processors, compiled once for
each of `library.BUILDS`. Nothing but this needs a compiler: without one torch computes everything, and where both can,
`monitor.memcae.ways` finds out which is faster.
"""
