// The kernels for processors with AVX2; pyproject.toml has the flags.
#include "convolution.hpp"
#include "hearing.hpp"
#include "memory.hpp"
