// The memory is read: equations 3 and 4, z^ = softmax(z M^T) M.
#pragma once

#include "vector.hpp"

#include <algorithm>
#include <cmath>

namespace {

// to[p][n] = start[n] + sum over k of from[p][k] * rows[k][n], for P rows and all n up to `width`.
template <int N, int V, int P>
ALWAYS void product(const float* from, int64_t step, const float* rows, int count, int width, const float* start, float* to,
                    int64_t apart) {
    using Numbers = typename Of<N>::Floats;
    for (int n = 0; n + V * N <= width; n += V * N) {
        Numbers sums[P][V];
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < V; ++v) sums[p][v] = start ? load<N>(start + n + v * N) : Numbers{};
        for (int k = 0; k < count; ++k)
            for (int v = 0; v < V; ++v) {
                const Numbers held = load<N>(rows + int64_t(k) * width + n + v * N);
                for (int p = 0; p < P; ++p) sums[p][v] += from[p * step + k] * held;
            }
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < V; ++v) store<N>(to + p * apart + n + v * N, sums[p][v]);
    }
}

struct Slots {
    int count, padded, size;
    const float *keys, *values, *offset, *scale, *start;
};

template <int P> void read(const Slots& by, const float* queries, float* room, float* answers) {
    float *asked = room, *weights = room + P * by.size;
    for (int p = 0; p < P; ++p) {
        const float* query = queries + int64_t(p) * by.size;
        float* to = asked + p * by.size;
        double squared = 0;
        for (int c = 0; c < by.size; ++c) {
            to[c] = by.offset ? (query[c] - by.offset[c]) * by.scale[c] : query[c];
            squared += double(to[c]) * to[c];
        }
        const float length = by.offset ? 1.0f / std::max(float(std::sqrt(squared)), 1e-12f) : 1.0f;
        for (int c = 0; c < by.size; ++c) to[c] *= length;
    }
    product<WIDE, 1, P>(asked, by.size, by.keys, by.size, by.padded, by.start, weights, by.padded);
    float share[P];
    for (int p = 0; p < P; ++p) {
        float* row = weights + int64_t(p) * by.padded;
        Floats highest = load(row), total{};
        for (int n = WIDE; n < by.padded; n += WIDE) highest = most(highest, load(row + n));
        float top = highest[0], sum = 0;
        for (int lane = 1; lane < WIDE; ++lane) top = std::max(top, highest[lane]);
        for (int n = 0; n < by.padded; n += WIDE) {
            const Floats weight = exponential(load(row + n) - top);
            total += weight;
            store(row + n, weight);
        }
        for (int lane = 0; lane < WIDE; ++lane) sum += total[lane];
        share[p] = 1.0f / sum;
    }
    constexpr int N = WIDE > 8 ? 8 : WIDE;  // sizes are multiples of 8
    if (by.size % (2 * WIDE) == 0)
        product<WIDE, 2, P>(weights, by.padded, by.values, by.count, by.size, nullptr, answers, by.size);
    else
        product<N, 1, P>(weights, by.padded, by.values, by.count, by.size, nullptr, answers, by.size);
    for (int p = 0; p < P; ++p)
        for (int c = 0; c < by.size; ++c) answers[int64_t(p) * by.size + c] *= share[p];
}

}  // namespace

// Answers [batch][asked][size] to queries [batch][asked][size].
//
// keys: [size][padded], the keys transposed and padded with zeros to a multiple of 16; values: [slots][size]; size a
// multiple of 8. offsets, scales: [size], taken from the queries and then multiplied, before they are brought to length 1;
// null takes them as they are. The memory of every window where `each`, else the first for all.
OUTSIDE void attend(const float* queries, int batch, int asked, int size, const float* const* keys,
                    const float* const* values, int slots, int padded, const float* const* offsets,
                    const float* const* scales, int each, float* answers) {
    constexpr int P = ROOM / 2;
    static thread_local Room space;
    float *room = space.of(size_t(P) * (size + padded) + padded), *start = room + size_t(P) * (size + padded);
    std::fill(start, start + slots, 0.0f);
    std::fill(start + slots, start + padded, -1e30f);  // a slot that is not there answers nothing
    for (int b = 0; b < batch; ++b) {
        const int own = each ? b : 0;
        const Slots by{slots, padded, size, keys[own], values[own], offsets ? offsets[own] : nullptr,
                       offsets ? scales[own] : nullptr, start};
        const float* from = queries + int64_t(b) * asked * size;
        float* to = answers + int64_t(b) * asked * size;
        int q = 0;
        for (; q + P <= asked; q += P) read<P>(by, from + int64_t(q) * size, room, to + int64_t(q) * size);
        for (; q < asked; ++q) read<1>(by, from + int64_t(q) * size, room, to + int64_t(q) * size);
    }
}

// The sums over the rows of a matrix [rows][many], each weighted by its number of the vector, in Vectors times WIDE columns
// from `first` on; what goes beyond the last column is moved back, and computed twice. Sums stay in registers: of a matrix
// of 500 KB that no cache holds this took 34 to 41 us, sums in memory and single columns at the end 80.
template <int Vectors>
static void weighted(const float* vector, const float* from, int rows, int many, int first, float* sums) {
    Floats sum[Vectors] = {};
    int place[Vectors];
    for (int v = 0; v < Vectors; ++v) place[v] = std::min(first + v * WIDE, many - WIDE);
    for (int i = 0; i < rows; ++i, from += many)
        for (int v = 0; v < Vectors; ++v) sum[v] += vector[i] * load(from + place[v]);
    for (int v = 0; v < Vectors; ++v) store(sums + place[v], sum[v]);
}

// The same of so many vectors of columns, up to Most.
template <int Most>
static void weighted(int vectors, const float* vector, const float* from, int rows, int many, int first, float* sums) {
    if (vectors == Most) return weighted<Most>(vector, from, rows, many, first, sums);
    if constexpr (Most > 1) weighted<Most - 1>(vectors, vector, from, rows, many, first, sums);
}

// Every vector [length] along the axes of its own, [rows][columns]: -> [width], 0 beyond its columns. Numbers of a vector
// beyond its rows count for nothing. Every matrix is read once, rows or parts of rows in the order of memory.
OUTSIDE void project(const float* vectors, int batch, int length, const float* const* axes, const int* rows,
                     const int* columns, int width, float* out) {
    constexpr int MOST = ROOM * 2 / 3;  // vectors of sums at a time, so that there is room for what they are made of
    for (int b = 0; b < batch; ++b) {
        const float *vector = vectors + int64_t(b) * length, *from = axes[b];
        const int many = columns[b];
        float* sums = out + int64_t(b) * width;
        std::fill(sums, sums + width, 0.0f);
        if (many < WIDE) {
            for (int i = 0; i < rows[b]; ++i)
                for (int c = 0; c < many; ++c) sums[c] += vector[i] * from[int64_t(i) * many + c];
            continue;
        }
        for (int first = 0; first < many; first += MOST * WIDE)
            weighted<MOST>(std::min(MOST, (many - first + WIDE - 1) / WIDE), vector, from, rows[b], many, first, sums);
    }
}

// e^x of bfloat16 numbers from -87 to 88, in place and rounded to bfloat16: a polynomial whose error, 7.5e-5 of the value,
// is a fiftieth of what bfloat16 tells apart (fitted to 2^r, |r| <= 1/2, by least squares weighted until it is even).
OUTSIDE void exponentials(uint16_t* numbers, int64_t count) {
    typedef uint16_t Halves __attribute__((vector_size(WIDE * 2)));
    typedef uint16_t Loose __attribute__((vector_size(WIDE * 2), aligned(2), may_alias));
    typedef uint32_t Words __attribute__((vector_size(WIDE * 4)));
    const auto raised = [](Halves held) {
        const Floats x = (Floats)(__builtin_convertvector(held, Words) << 16);
        const float magic = 12582912.0f;  // as in `exponential`
        const Floats shifted = x * 1.44269504f + magic;
        const Floats r = x * 1.44269504f - (shifted - magic);
        const Floats p = ((r * 0.0551716602f + 0.242611122f) * r + 0.693260987f) * r + 0.999928074f;
        const Words bits = (Words)p + ((Words)shifted << 23);
        return __builtin_convertvector((bits + 0x8000) >> 16, Halves);
    };
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE) *reinterpret_cast<Loose*>(numbers + i) = raised(*reinterpret_cast<Loose*>(numbers + i));
    if (i < count) {
        Halves rest{};
        std::memcpy(&rest, numbers + i, (count - i) * 2);
        rest = raised(rest);
        std::memcpy(numbers + i, &rest, (count - i) * 2);
    }
}
