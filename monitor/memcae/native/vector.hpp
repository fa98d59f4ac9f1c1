// What all kernels share: vectors of single-precision numbers, as wide as the processor that is compiled for has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#if defined(__AVX512F__)
constexpr int WIDE = 16;  // numbers in a register
constexpr int ROOM = 24;  // registers for sums, of 32
#elif defined(__AVX2__)
constexpr int WIDE = 8;
constexpr int ROOM = 12;  // of 16
#else
constexpr int WIDE = 4;  // SSE, NEON
constexpr int ROOM = 12;
#endif

// Raised with every change of what a function is given or gives, together with INTERFACE in library.py: a library that was
// built before such a change is not used.
constexpr int INTERFACE = 4;

#define ALWAYS inline __attribute__((always_inline))
#define OUTSIDE extern "C" __attribute__((visibility("default")))

template <int N> struct Of {
    typedef float Floats __attribute__((vector_size(N * 4)));
    typedef float Loose __attribute__((vector_size(N * 4), aligned(4), may_alias));  // anywhere in memory
    typedef int32_t Ints __attribute__((vector_size(N * 4)));
};

using Floats = Of<WIDE>::Floats;
using Ints = Of<WIDE>::Ints;

template <int N = WIDE> ALWAYS typename Of<N>::Floats load(const float* from) {
    return *reinterpret_cast<const typename Of<N>::Loose*>(from);
}

template <int N = WIDE> ALWAYS void store(float* to, typename Of<N>::Floats value) {
    *reinterpret_cast<typename Of<N>::Loose*>(to) = value;
}

template <class V> ALWAYS V least(V a, V b) { return a < b ? a : b; }
template <class V> ALWAYS V most(V a, V b) { return a > b ? a : b; }

// LeakyReLU, its slope below zero at most 1.
template <class V> ALWAYS V leaky(V value, float slope) { return most(value, value * slope); }

// e^x for x from -87 to 88, 2 units in the last place; below -87 about 1e-38. After Cephes' expf.
ALWAYS Floats exponential(Floats x) {
    x = most(x, Floats{} - 87.0f);
    const float magic = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded to a whole number
    Floats shifted = x * 1.44269504f + magic;
    Floats whole = shifted - magic;
    Floats rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    Floats p = rest * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * rest + 8.3334519073e-3f;
    p = p * rest + 4.1665795894e-2f;
    p = p * rest + 1.6666665459e-1f;
    p = p * rest + 5.0000001201e-1f;
    p = p * rest * rest + rest + 1.0f;
    Ints power = (Ints)shifted << 23;  // the whole number stands in the lowest bits
    return (Floats)((Ints)p + power);
}

// ln x for normal x > 0, 2 units in the last place. After Cephes' logf.
ALWAYS Floats logarithm(Floats x) {
    Ints bits = (Ints)x;
    Ints exponent = (bits >> 23) - 126;
    Floats m = (Floats)((bits & 0x007fffff) | 0x3f000000);  // 0.5 to 1
    Ints small = m < 0.707106781f;
    exponent += small;  // -1 where small
    Floats e = __builtin_convertvector(exponent, Floats);
    m = (small ? m + m : m) - 1.0f;
    Floats p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    Floats squared = m * m;
    return m + (p * m * squared + e * -2.12194440e-4f - 0.5f * squared) + e * 0.693359375f;
}

// Room to compute in that a thread keeps, as large as it ever wanted: nobody clears it, and it need not be asked for anew.
struct Room {
    std::unique_ptr<float[]> held;
    size_t size = 0;

    // For so many numbers, where vectors can lie.
    float* of(size_t count) {
        if (count + 16 > size) held.reset(new float[size = count + 16]);
        return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(held.get()) + 63) & ~uintptr_t(63));
    }
};

OUTSIDE int interface() { return INTERFACE; }
