// The layers of the network: 3 by 3, of stride 2, down and up again. Channels come last everywhere; every product is of
// one number of the input with the weights of as many outputs as registers hold, for several positions at a time.
#pragma once

#include "vector.hpp"

#include <algorithm>
#include <type_traits>

namespace {

struct Down {
    int height, width, inputs, outputs, top, left;
    float slope;
};

// Positions x to x + P of row y, some of the outputs. `inside`: the kernel does not reach beyond the left or right.
template <int N, int V, int P, bool inside>
ALWAYS void down_block(const Down& by, const float* in, const float* weight, const float* bias, int y, int x, float* out) {
    using Numbers = typename Of<N>::Floats;
    Numbers sums[P][V];
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v) sums[p][v] = load<N>(bias + v * N);
    for (int ky = 0; ky < 3; ++ky) {
        const int row = 2 * y + ky - by.top;
        if (row < 0 || row >= by.height) continue;
        for (int kx = 0; kx < 3; ++kx) {
            const int column = 2 * x + kx - by.left;
            if (!inside && (column < 0 || column >= by.width)) continue;
            const float* seen = in + (int64_t(row) * by.width + column) * by.inputs;
            const float* w = weight + int64_t(ky * 3 + kx) * by.inputs * by.outputs;
            for (int c = 0; c < by.inputs; ++c)
                for (int v = 0; v < V; ++v) {
                    const Numbers held = load<N>(w + int64_t(c) * by.outputs + v * N);
                    for (int p = 0; p < P; ++p) sums[p][v] += seen[2 * p * by.inputs + c] * held;
                }
        }
    }
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v) store<N>(out + int64_t(p) * by.outputs + v * N, leaky(sums[p][v], by.slope));
}

template <int N, int V>
void down_rows(const Down& by, const float* in, const float* weight, const float* bias, int rows, int columns, float* out) {
    constexpr int P = ROOM / V > 12 ? 12 : ROOM / V;
    const int past = std::min(columns, (by.width - 3 + by.left) / 2 + 1);  // of the positions inside
    for (int y = 0; y < rows; ++y) {
        float* to = out + int64_t(y) * columns * by.outputs;
        int x = 0;
        for (; x < std::min(columns, (by.left + 1) / 2); ++x)
            down_block<N, V, 1, false>(by, in, weight, bias, y, x, to + int64_t(x) * by.outputs);
        for (; x + P <= past; x += P)
            down_block<N, V, P, true>(by, in, weight, bias, y, x, to + int64_t(x) * by.outputs);
        for (; x + 3 <= past; x += 3)
            down_block<N, V, 3, true>(by, in, weight, bias, y, x, to + int64_t(x) * by.outputs);
        for (; x < columns; ++x)
            down_block<N, V, 1, false>(by, in, weight, bias, y, x, to + int64_t(x) * by.outputs);
    }
}

struct Up {
    int width, inputs, outputs;
    float slope;
};

// Positions 2 x to 2 (x + P) of one row that is made of the rows `above` and, if it is odd, `below`.
template <int N, int V, int P>
ALWAYS void up_block(const Up& by, const float* const* rows, const float* const* weights, int many, const float* bias,
                     float* out) {
    using Numbers = typename Of<N>::Floats;
    Numbers even[P][V], odd[P][V];
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v) even[p][v] = odd[p][v] = load<N>(bias + v * N);
    const int64_t tap = int64_t(by.inputs) * by.outputs;
    for (int r = 0; r < many; ++r)
        for (int c = 0; c < by.inputs; ++c) {
            const float *seen = rows[r] + c, *w = weights[r] + int64_t(c) * by.outputs;
            for (int v = 0; v < V; ++v) {
                const Numbers middle = load<N>(w + tap + v * N), right = load<N>(w + 2 * tap + v * N);
                const Numbers left = load<N>(w + v * N);
                for (int p = 0; p < P; ++p) {
                    even[p][v] += seen[p * by.inputs] * middle;
                    odd[p][v] += seen[p * by.inputs] * right;
                    odd[p][v] += seen[(p + 1) * by.inputs] * left;
                }
            }
        }
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v) {
            store<N>(out + int64_t(2 * p) * by.outputs + v * N, leaky(even[p][v], by.slope));
            store<N>(out + int64_t(2 * p + 1) * by.outputs + v * N, leaky(odd[p][v], by.slope));
        }
}

template <int N, int V> void up_rows(const Up& by, const float* in, int height, const float* weight, const float* bias, float* out) {
    constexpr int P = ROOM / V / 2 > 6 ? 6 : ROOM / V / 2;
    const int64_t line = int64_t(by.width + 1) * by.inputs, row = int64_t(3) * by.inputs * by.outputs;
    for (int y = 0; y < 2 * height - 1; ++y) {
        const float* rows[] = {in + y / 2 * line, in + (y / 2 + 1) * line};
        const float* weights[] = {weight + (y % 2 ? 2 : 1) * row, weight};
        float* to = out + int64_t(y) * 2 * by.width * by.outputs;
        int x = 0;
        const auto block = [&](auto many) {
            const float* from[] = {rows[0] + int64_t(x) * by.inputs, rows[1] + int64_t(x) * by.inputs};
            up_block<N, V, decltype(many)::value>(by, from, weights, 1 + y % 2, bias, to + int64_t(2 * x) * by.outputs);
        };
        for (; x + P <= by.width; x += P) block(std::integral_constant<int, P>());
        for (; x < by.width; ++x) block(std::integral_constant<int, 1>());
    }
}

template <class Work> void by_outputs(int outputs, Work work) {  // so many at a time as fit
    int first = 0;
    for (; first + 2 * WIDE <= outputs; first += 2 * WIDE) work(first, std::integral_constant<int, WIDE>(), std::integral_constant<int, 2>());
    for (; first + WIDE <= outputs; first += WIDE) work(first, std::integral_constant<int, WIDE>(), std::integral_constant<int, 1>());
    if constexpr (WIDE > 8)
        for (; first + 8 <= outputs; first += 8) work(first, std::integral_constant<int, 8>(), std::integral_constant<int, 1>());
}

}  // namespace

// A convolution with its LeakyReLU: in [batch][height][width][inputs] -> out [batch][rows][columns][outputs].
//
// `top` and `left`, 0 or 1: rows and columns of zeros before the first; beyond the last there are as many as it takes.
// weights: [3][3][inputs][outputs] and biases: [outputs]; those of every window where `each`, else the first for all.
// outputs: a multiple of 8.
OUTSIDE void down(const float* in, int batch, int height, int width, int inputs, const float* const* weights,
                  const float* const* biases, int each, int outputs, int top, int left, float slope, int rows, int columns, float* out) {
    const Down by{height, width, inputs, outputs, top, left, slope};
    for (int b = 0; b < batch; ++b)
        by_outputs(outputs, [&](int first, auto lanes, auto vectors) {
            down_rows<decltype(lanes)::value, decltype(vectors)::value>(
                by, in + int64_t(b) * height * width * inputs, weights[each ? b : 0] + first,
                biases[each ? b : 0] + first, rows, columns, out + int64_t(b) * rows * columns * outputs + first);
        });
}

// A transposed convolution with its LeakyReLU: in [batch][height + 1][width + 1][inputs], of which the last row and
// column count for nothing -> out [batch][2 height][2 width][outputs], of which they are 0. Otherwise as `down`.
OUTSIDE void up(const float* in, int batch, int height, int width, int inputs, const float* const* weights,
                const float* const* biases, int each, int outputs, float slope, float* out) {
    const Up by{width, inputs, outputs, slope};
    const int64_t line = int64_t(2) * width * outputs;
    for (int b = 0; b < batch; ++b) {
        float* to = out + b * 2 * height * line;
        by_outputs(outputs, [&](int first, auto lanes, auto vectors) {
            up_rows<decltype(lanes)::value, decltype(vectors)::value>(
                by, in + int64_t(b) * (height + 1) * (width + 1) * inputs, height, weights[each ? b : 0] + first,
                biases[each ? b : 0] + first, to + first);
        });
        for (int y = 0; y < 2 * height - 1; ++y) std::fill(to + (y + 1) * line - outputs, to + (y + 1) * line, 0.0f);
        std::fill(to + (2 * height - 1) * line, to + 2 * height * line, 0.0f);
    }
}

// The last layer, of one channel and without LeakyReLU: in as `up` has it -> out [batch][rows][columns], no more of them
// than 2 height - 1 and 2 width - 1.
//
// weights: [inputs][16], of each input the 3 by 3 weights and zeros; biases: [1]; otherwise as `down`.
OUTSIDE void last(const float* in, int batch, int height, int width, int inputs, const float* const* weights,
                  const float* const* biases, int each, int rows, int columns, float* out) {
    constexpr int P = ROOM / (16 / WIDE), TAPS = 16;
    const int64_t line = int64_t(width + 1) * inputs;
    static thread_local Room room;
    float* const first = room.of(size_t(2) * (width + 1) * TAPS);
    std::fill(first, first + size_t(2) * (width + 1) * TAPS, 0.0f);
    float* taps[] = {first, first + int64_t(width + 1) * TAPS};  // of this row and of the next
    for (int b = 0; b < batch; ++b) {
        const float *w = weights[each ? b : 0], offset = *biases[each ? b : 0];
        const auto answer = [&](int y) {  // what every position of a row gives, by weight
            float* to = taps[y % 2];
            const float* from = in + (int64_t(b) * (height + 1) + y) * line;
            const auto block = [&](int x, auto many) {
                constexpr int M = decltype(many)::value;
                Floats sums[M][TAPS / WIDE] = {};
                for (int c = 0; c < inputs; ++c)
                    for (int v = 0; v < TAPS / WIDE; ++v) {
                        const Floats held = load(w + c * TAPS + v * WIDE);
                        for (int p = 0; p < M; ++p) sums[p][v] += from[(x + p) * inputs + c] * held;
                    }
                for (int p = 0; p < M; ++p)
                    for (int v = 0; v < TAPS / WIDE; ++v) store(to + (x + p) * TAPS + v * WIDE, sums[p][v]);
            };
            int x = 0;
            for (; x + P <= width; x += P) block(x, std::integral_constant<int, P>());
            for (; x < width; ++x) block(x, std::integral_constant<int, 1>());
        };
        answer(0);
        for (int y = 0; y < rows; ++y) {
            const int at = y / 2;
            float* to = out + (int64_t(b) * rows + y) * columns;
            const float* here = taps[at % 2];
            if (y % 2 == 0) {
                for (int x = 0; x < columns; ++x)
                    to[x] = offset + (x % 2 ? here[x / 2 * TAPS + 5] + here[(x / 2 + 1) * TAPS + 3] : here[x / 2 * TAPS + 4]);
                continue;
            }
            answer(at + 1);
            const float* next = taps[(at + 1) % 2];
            for (int x = 0; x < columns; ++x) {
                const float *a = here + x / 2 * TAPS, *n = next + x / 2 * TAPS;
                to[x] = offset + (x % 2 ? a[8] + a[TAPS + 6] + n[2] + n[TAPS] : a[7] + n[1]);
            }
        }
    }
}
