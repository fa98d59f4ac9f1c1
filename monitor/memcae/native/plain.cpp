// The kernels for any processor; pyproject.toml has the flags.
#include "convolution.hpp"
#include "hearing.hpp"
#include "memory.hpp"
