// The kernels for processors with AVX-512; pyproject.toml has the flags.
#include "convolution.hpp"
#include "hearing.hpp"
#include "memory.hpp"
