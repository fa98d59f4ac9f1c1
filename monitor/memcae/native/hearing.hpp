// From samples to what the views see of them: the transform of as many frames at a time as a register has numbers.
#pragma once

#include "vector.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace {

// The numbers of two vectors at the places From, those of the second after those of the first.
template <int... From> ALWAYS Floats chosen(Floats a, Floats b) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, From...);
#else
    return __builtin_shuffle(a, b, Ints{From...});
#endif
}

// Rows as columns: what is square, WIDE by WIDE, in place.
template <int Step, size_t... Lane> ALWAYS void swapped(Floats& a, Floats& b, std::index_sequence<Lane...>) {
    const Floats low = chosen<(int(Lane) & Step ? int(Lane) + WIDE - Step : int(Lane))...>(a, b);
    b = chosen<(int(Lane) & Step ? int(Lane) + WIDE : int(Lane) + Step)...>(a, b);
    a = low;
}

template <int Step = 1> ALWAYS void transpose(Floats* rows) {
    if constexpr (Step < WIDE) {
        for (int i = 0; i < WIDE; ++i)
            if (!(i & Step)) swapped<Step>(rows[i], rows[i + Step], std::make_index_sequence<WIDE>());
        transpose<2 * Step>(rows);
    }
}

// from[lane][i] -> to[i][lane] for i < span; 0 beyond the `known` ones of a lane.
void gather(const float* const* from, const int* known, int span, Floats* to) {
    int i = 0;
    for (const int least = *std::min_element(known, known + WIDE); i + WIDE <= std::min(least, span); i += WIDE) {
        Floats block[WIDE];
        for (int lane = 0; lane < WIDE; ++lane) block[lane] = load(from[lane] + i);
        transpose(block);
        for (int k = 0; k < WIDE; ++k) to[i + k] = block[k];
    }
    for (; i < span; ++i)
        for (int lane = 0; lane < WIDE; ++lane) to[i][lane] = i < known[lane] ? from[lane][i] : 0.0f;
}

// rows[i][lane] -> to[lane][i] for i < count; a lane that goes nowhere is left out.
void scatter(const Floats* rows, int count, float* const* to) {
    int i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        Floats block[WIDE];
        for (int k = 0; k < WIDE; ++k) block[k] = rows[i + k];
        transpose(block);
        for (int lane = 0; lane < WIDE; ++lane)
            if (to[lane]) store(to[lane] + i, block[lane]);
    }
    for (; i < count; ++i)
        for (int lane = 0; lane < WIDE; ++lane)
            if (to[lane]) to[lane][i] = rows[i][lane];
}

// Tables for real transforms of `size` = 2 * 4^k samples, by way of a complex one of half as many.
struct Transform {
    int size, half;
    std::vector<float> turns;       // of each pass e^(-2 pi i j n / m), n = 1, 2, 3, for j < m / 4: six numbers each
    std::vector<float> split;       // e^(-2 pi i k / size), two numbers each
    std::vector<int> place;         // where the frequency k of the complex transform comes to lie

    explicit Transform(int samples) : size(samples), half(samples / 2), split(samples), place(samples / 2) {
        for (int m = half; m >= 4; m /= 4)
            for (int j = 0; j < m / 4; ++j)
                for (int n = 1; n <= 3; ++n) {
                    turns.push_back(float(std::cos(2 * M_PI * j * n / m)));
                    turns.push_back(float(-std::sin(2 * M_PI * j * n / m)));
                }
        for (int k = 0; k < half; ++k) {
            split[2 * k] = float(std::cos(2 * M_PI * k / size));
            split[2 * k + 1] = float(-std::sin(2 * M_PI * k / size));
            int reversed = 0;
            for (int rest = k, m = half; m > 1; m /= 4, rest /= 4) reversed = reversed * 4 + rest % 4;
            place[k] = reversed;
        }
    }
};

// One pass of radix 4, decimated in frequency: what lies m / 4 apart is added, subtracted and turned. `in` gives the
// real and the imaginary numbers, `re` and `im` or what is to be transformed.
template <class In> ALWAYS void pass(Floats* re, Floats* im, int half, int m, const float* turns, In in) {
    const int quarter = m / 4;
    for (int first = 0; first < half; first += m)
        for (int j = 0; j < quarter; ++j) {
            const int at = first + j;
            Floats *a = re + at, *b = im + at;
            const float* w = turns + 6 * j;
            const auto [re0, im0] = in(at);
            const auto [re1, im1] = in(at + quarter);
            const auto [re2, im2] = in(at + 2 * quarter);
            const auto [re3, im3] = in(at + 3 * quarter);
            Floats sum_re = re0 + re2, sum_im = im0 + im2, less_re = re0 - re2, less_im = im0 - im2;
            Floats odd_re = re1 + re3, odd_im = im1 + im3, gone_re = re1 - re3, gone_im = im1 - im3;
            a[0] = sum_re + odd_re;
            b[0] = sum_im + odd_im;
            Floats x = less_re + gone_im, y = less_im - gone_re;
            a[quarter] = x * w[0] - y * w[1];
            b[quarter] = x * w[1] + y * w[0];
            x = sum_re - odd_re, y = sum_im - odd_im;
            a[2 * quarter] = x * w[2] - y * w[3];
            b[2 * quarter] = x * w[3] + y * w[2];
            x = less_re - gone_im, y = less_im + gone_re;
            a[3 * quarter] = x * w[4] - y * w[5];
            b[3 * quarter] = x * w[5] + y * w[4];
        }
}

// |X|^2 of WIDE frames: samples[i][lane] -> power[bin][lane].
void squares(const Transform& by, const Floats* samples, const float* window, Floats* re, Floats* im, Floats* power) {
    const int half = by.half;
    const float* turns = by.turns.data();
    pass(re, im, half, half, turns, [=](int k) {  // the even samples are the real numbers
        return std::pair<Floats, Floats>(samples[2 * k] * window[2 * k], samples[2 * k + 1] * window[2 * k + 1]);
    });
    for (int m = half / 4; m >= 4; m /= 4) {
        turns += 6 * m;
        pass(re, im, half, m, turns, [=](int k) { return std::pair<Floats, Floats>(re[k], im[k]); });
    }
    Floats direct = re[0] + im[0], highest = re[0] - im[0];
    power[0] = direct * direct;
    power[half] = highest * highest;
    for (int k = 1; k <= half / 2; ++k) {  // the spectra of the even samples and of the odd ones, put together
        const int one = by.place[k], other = by.place[half - k];
        const float c = by.split[2 * k], s = by.split[2 * k + 1];
        Floats even_re = re[one] + re[other], even_im = im[one] - im[other];
        Floats odd_re = im[one] + im[other], odd_im = re[other] - re[one];
        Floats x = odd_re * c - odd_im * s, y = odd_re * s + odd_im * c;
        Floats plus_re = even_re + x, plus_im = even_im + y, less_re = even_re - x, less_im = even_im - y;
        power[k] = 0.25f * (plus_re * plus_re + plus_im * plus_im);
        power[half - k] = 0.25f * (less_re * less_re + less_im * less_im);
    }
}

// Numbers as whole numbers of the same order: both ways.
ALWAYS Ints ordered(Ints bits) { return bits ^ (bits >> 31 & 0x7fffffff); }

// How many of the rows are at most `bound`, in every lane.
ALWAYS Ints up_to(const Ints* rows, int count, Ints bound) {
    Ints found{};
    for (int i = 0; i < count; ++i) {
        if constexpr (WIDE == 16)
            found = rows[i] <= bound ? found + 1 : found;  // one addition under a mask
        else
            found -= rows[i] <= bound;  // true is -1
    }
    return found;
}

// A bound that `smallest` of the rows or, where some are alike, as many as need be are not above, in every lane: halfway
// between two that are too low and high enough, again and again.
ALWAYS Ints bound_of(const Ints* rows, int count, int smallest) {
    Ints low = rows[0], high = rows[0];
    for (int i = 1; i < count; ++i) {
        low = least(low, rows[i]);
        high = most(high, rows[i]);
    }
    low -= 1;
    for (bool going = true; going;) {
        const Ints middle = (low >> 1) + (high >> 1) + (low & high & 1);
        const Ints found = up_to(rows, count, middle);
        high = found >= smallest ? middle : high;
        low = found == smallest ? middle - 1 : (found < smallest ? middle : low);  // just so many: nothing is left to do
        const Ints apart = low + 1 < high;
        going = false;
        for (int lane = 0; lane < WIDE; ++lane) going |= apart[lane] != 0;
    }
    return high;
}

}  // namespace

// The power of every column and the power of every frame in some bands, of several windows.
//
// samples: [batch][count]; window: [size], size 2 * 4^k; frames begin `hop` apart; a column is the mean of `average`
// frames. weights: [bands][bins]; band b is made of the bins from spans[2 b] up to spans[2 b + 1].
// columns: [batch][frames / average][bins]; levels: [batch][frames][bands], not written where there are no bands.
OUTSIDE void hear(const float* samples, int batch, int64_t count, const float* window, int size, int hop, int average,
                  int frames, const float* weights, const int* spans, int bands, float* columns, float* levels) {
    static thread_local std::unique_ptr<const Transform> tables;
    if (!tables || tables->size != size) tables = std::make_unique<const Transform>(size);
    const Transform& by = *tables;
    const int bins = size / 2 + 1, whole = frames / average, span = (average - 1) * hop + size;
    const int64_t each = (frames + average - 1) / average, total = batch * each;  // columns, the last one not whole
    static thread_local Room room;
    Floats* heard = reinterpret_cast<Floats*>(room.of((size_t(span) + size + 2 * bins + bands) * WIDE));
    Floats *re = heard + span, *im = re + size / 2, *power = im + size / 2, *sum = power + bins, *loud = sum + bins;
    for (int64_t first = 0; first < total; first += WIDE) {
        const float* from[WIDE];
        float* to[WIDE];
        int known[WIDE], column[WIDE];
        int64_t place[WIDE];  // every lane hears a column of its own
        for (int lane = 0; lane < WIDE; ++lane) {
            place[lane] = std::min(first + lane, total - 1) / each;
            column[lane] = first + lane < total ? int((first + lane) % each) : frames;  // beyond: of nothing
            const int64_t start = int64_t(column[lane]) * average * hop;
            known[lane] = int(std::clamp<int64_t>(count - start, 0, span));
            from[lane] = samples + place[lane] * count + (known[lane] ? start : 0);
        }
        gather(from, known, span, heard);
        std::fill(sum, sum + bins, Floats{});
        for (int a = 0; a < average; ++a) {
            squares(by, heard + a * hop, window, re, im, power);
            for (int f = 0; f < bins; ++f) sum[f] += power[f];
            for (int b = 0; b < bands; ++b) {
                Floats all{};
                for (int f = spans[2 * b]; f < spans[2 * b + 1]; ++f) all += weights[b * bins + f] * power[f];
                loud[b] = all;
            }
            for (int lane = 0; lane < WIDE; ++lane) {
                const int64_t frame = int64_t(column[lane]) * average + a;
                to[lane] = frame < frames ? levels + (place[lane] * frames + frame) * bands : nullptr;
            }
            scatter(loud, bands, to);
        }
        for (int f = 0; f < bins; ++f) sum[f] *= 1.0f / float(average);
        for (int lane = 0; lane < WIDE; ++lane)
            to[lane] = column[lane] < whole ? columns + (place[lane] * whole + column[lane]) * bins : nullptr;
        scatter(sum, bins, to);
    }
}

// The sum of the `smallest` least of each of `width` columns of [count][width] rows; of ln(x + floor) / 2 if floor > 0,
// x up to 1e18.
// held: room for as many rows as WIDE columns of one after another.
static void quiet(const float* rows, int count, int width, int smallest, float floor, float* sums, Ints* held) {
    const int groups = (width + WIDE - 1) / WIDE;
    for (int i = 0; i < count; ++i)  // in the order of memory, which hands over the next numbers by itself only then
        for (int g = 0; g < groups; ++g) {
            const float* from = rows + int64_t(i) * width + g * WIDE;
            Floats row{};
            if ((g + 1) * WIDE <= width)
                row = load(from);
            else
                std::memcpy(&row, from, (width - g * WIDE) * sizeof(float));
            held[g * count + i] = ordered((Ints)row);
        }
    for (int g = 0; g < groups; ++g) {
        const Ints* order = held + g * count;
        const Ints bound = bound_of(order, count, smallest);
        Ints below{};
        Floats sum{}, product = Floats{} + 1.0f;
        for (int i = 0; i < count; ++i) {
            const Ints counts = order[i] < bound;
            const Floats value = (Floats)ordered(order[i]);
            below -= counts;
            if (floor > 0) {
                product *= counts ? value + floor : Floats{} + 1.0f;
                if (i % 2) sum += logarithm(product), product = Floats{} + 1.0f;  // one logarithm for two
            } else {
                sum += counts ? value : Floats{};
            }
        }
        const Floats rest = __builtin_convertvector(smallest - below, Floats), value = (Floats)ordered(bound);
        if (floor > 0)
            sum = 0.5f * (sum + logarithm(product) + rest * logarithm(most(value, Floats{}) + floor));
        else
            sum += rest * value;
        std::memcpy(sums + g * WIDE, &sum, std::min(WIDE, width - g * WIDE) * sizeof(float));
    }
}

// The same of several windows, each with rows of its own; sums: [batch][width].
OUTSIDE void quietest(const float* const* rows, int batch, int count, int width, int smallest, float floor,
                      float* sums) {
    static thread_local Room room;
    Ints* held = reinterpret_cast<Ints*>(room.of(size_t((width + WIDE - 1) / WIDE) * count * WIDE));
    for (int b = 0; b < batch; ++b) quiet(rows[b], count, width, smallest, floor, sums + int64_t(b) * width, held);
}
