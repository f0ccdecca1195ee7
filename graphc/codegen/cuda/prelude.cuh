// What generated kernels call: the dialect of CUDA C that graphc emits, beside the language itself.
// Needs no CUDA header. The text compiles with NVRTC, and with g++ under an emulator of the language.

#ifndef GC_INDEX
#define GC_INDEX int
#endif
typedef GC_INDEX gc_index;

#define GC_DEVICE static __device__ __forceinline__

// ---- bits and conversions

GC_DEVICE float gc_float_of_bits(unsigned bits) { return __uint_as_float(bits); }

GC_DEVICE float gc_from_bfloat16(unsigned short x) { return gc_float_of_bits((unsigned)x << 16); }

GC_DEVICE unsigned short gc_to_bfloat16(float x) {
  unsigned bits = __float_as_uint(x);
  if (x != x) return (unsigned short)((bits >> 16) | 0x40);
  return (unsigned short)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

GC_DEVICE float gc_from_float16(unsigned short x) {
  // The multiplication moves the exponent to float's and makes denormals normal.
  float size = gc_float_of_bits((unsigned)(x & 0x7fff) << 13) * 5.192296858534828e33f;
  unsigned bits = __float_as_uint(size);
  if ((x & 0x7c00) == 0x7c00) bits |= 0x7f800000;
  return gc_float_of_bits(bits | ((unsigned)(x & 0x8000) << 16));
}

GC_DEVICE unsigned short gc_to_float16(float x) {
  unsigned sign = (__float_as_uint(x) >> 16) & 0x8000;
  float size = fabsf(x);
  unsigned bits = __float_as_uint(size);
  unsigned result = (bits - (112u << 23) + 0xfff + ((bits >> 13) & 1)) >> 13;
  // One half has the denormals' last place as its own: adding it rounds them.
  if (size < 6.103515625e-05f) result = __float_as_uint(size + 0.5f) - (126u << 23);
  if (size >= 65520.0f) result = 0x7c00;
  if (x != x) result = 0x7e00;
  return (unsigned short)(result | sign);
}

// Truncates; what does not fit becomes the nearest bound, nan becomes 0. `high` may be rounded up.
template <class To, class From>
GC_DEVICE To gc_saturate(From x, From low, From high, To lowest, To highest) {
  return x != x ? (To)0 : x >= high ? highest : x <= low ? lowest : (To)x;
}

// ---- arithmetic as NumPy does it

template <class T> GC_DEVICE T gc_maximum(T a, T b) { return a != a ? a : a > b ? a : b; }
template <class T> GC_DEVICE T gc_minimum(T a, T b) { return a != a ? a : a < b ? a : b; }
template <class T> GC_DEVICE T gc_sign(T x) { return x != x ? x : (T)((x > 0) - (x < 0)); }

template <class T> GC_DEVICE T gc_floor_divide_integer(T a, T b) {
  if (b == 0) return 0;
  // The lowest number divided by -1 wraps to itself.
  if ((T)-1 < 0 && b == (T)-1) return (T)(0 - (unsigned long long)a);
  T quotient = a / b;
  return (T)(quotient - (a % b != 0 && (a < 0) != (b < 0)));
}

template <class T> GC_DEVICE T gc_remainder_integer(T a, T b) {
  if (b == 0 || ((T)-1 < 0 && b == (T)-1)) return 0;
  T rest = a % b;
  return (T)(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
}

template <class T> GC_DEVICE T gc_power_integer(T a, T b) {
  if (b < 0) return a == 1 || a == (T)-1 ? ((b & 1) ? a : (T)1) : (T)0;
  unsigned long long result = 1, base = (unsigned long long)a;
  for (unsigned long long bits = (unsigned long long)b; bits; bits >>= 1, base *= base)
    if (bits & 1) result *= base;
  return (T)result;
}

template <class T> GC_DEVICE T gc_left_shift(T a, T b) {
  return b >= 0 && b < (T)(sizeof(T) * 8) ? (T)((unsigned long long)a << b) : (T)0;
}
template <class T> GC_DEVICE T gc_right_shift(T a, T b) {
  return b >= 0 && b < (T)(sizeof(T) * 8) ? (T)(a >> b) : (T)(a < 0 ? -1 : 0);
}

#define GC_REAL(T, fmod_, floor_, copysign_, exp_)                                          \
  GC_DEVICE T gc_remainder_real(T a, T b) {                                                 \
    T rest = fmod_(a, b);                                                                   \
    if (rest == 0) return copysign_((T)0, b);                                               \
    return (rest < 0) != (b < 0) ? rest + b : rest;                                         \
  }                                                                                         \
  GC_DEVICE T gc_floor_divide_real(T a, T b) {                                              \
    if (b == 0) return a / b;                                                               \
    T rest = fmod_(a, b), quotient = (a - rest) / b;                                        \
    if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;                                  \
    if (quotient == 0) return copysign_((T)0, a / b);                                       \
    T whole = floor_(quotient);                                                             \
    return quotient - whole > (T)0.5 ? whole + 1 : whole;                                   \
  }                                                                                         \
  GC_DEVICE T gc_sigmoid(T x) {                                                             \
    T small = exp_(x < 0 ? x : -x);                                                         \
    return (x < 0 ? small : (T)1) / (1 + small);                                            \
  }
GC_REAL(float, fmodf, floorf, copysignf, expf)
GC_REAL(double, fmod, floor, copysign, exp)

// An index whose dividend may be negative, rounded down.
GC_DEVICE gc_index gc_floor_index(gc_index a, gc_index b) { return a / b - (a % b < 0); }
GC_DEVICE gc_index gc_smaller(gc_index a, gc_index b) { return a < b ? a : b; }
GC_DEVICE gc_index gc_modulo_index(gc_index a, gc_index b) { gc_index r = a % b; return r < 0 ? r + b : r; }

// ---- Philox 4x32-10 (Salmon et al., 2011): one word of four

GC_DEVICE unsigned gc_philox(int word, unsigned c0, unsigned c1, unsigned c2, unsigned c3, unsigned k0, unsigned k1) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    unsigned long long a = 0xD2511F53ull * c0, b = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(b >> 32) ^ c1 ^ k0;
    c1 = (unsigned)b;
    c2 = (unsigned)(a >> 32) ^ c3 ^ k1;
    c3 = (unsigned)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

// ---- four elements side by side, moved at once

template <class T> struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) gc_four {
  T at[4];
};
template <class T> GC_DEVICE gc_four<T> gc_load_four(const T* p) { return *reinterpret_cast<const gc_four<T>*>(p); }
template <class T> GC_DEVICE void gc_store_four(T* p, const gc_four<T>& x) { *reinterpret_cast<gc_four<T>*>(p) = x; }

// ---- tensor cores: sums of products of rounded operands; every lane of a warp takes part

GC_DEVICE unsigned gc_pack_bfloat16(float low, float high) {
  return gc_to_bfloat16(low) | (unsigned)gc_to_bfloat16(high) << 16;
}

#ifndef GC_EMULATED
GC_DEVICE unsigned gc_to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
#define GC_MULTIPLY(name, instruction)                                                                           \
  GC_DEVICE void name(float (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {                         \
    asm(instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                                     \
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                                                 \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                                     \
  }
GC_MULTIPLY(gc_multiply_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
GC_MULTIPLY(gc_multiply_bfloat16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
#endif

// ---- a grid that stays: its blocks run at the same time and wait for one another

#ifndef GC_EMULATED
// `meeting` counts who has come, and how often all have met. What any thread wrote before, every thread sees after it.
GC_DEVICE void gc_meet(unsigned* meeting) {
  __syncthreads();
  if (threadIdx.x == 0) {
    volatile unsigned* met = meeting + 1;
    unsigned before = *met;
    __threadfence();
    if (atomicAdd(meeting, 1u) == gridDim.x - 1) {
      meeting[0] = 0;
      __threadfence();
      *met = before + 1;
    } else {
      while (*met == before) {}
    }
    __threadfence();
  }
  __syncthreads();
}
#endif

// ---- folds: a combiner is a struct with `combine`; partial results are merged in a fixed tree

struct gc_sum { template <class T> GC_DEVICE T combine(T a, T b) { return a + b; } };
struct gc_prod { template <class T> GC_DEVICE T combine(T a, T b) { return a * b; } };
struct gc_max { template <class T> GC_DEVICE T combine(T a, T b) { return gc_maximum(a, b); } };
struct gc_min { template <class T> GC_DEVICE T combine(T a, T b) { return gc_minimum(a, b); } };
struct gc_any { template <class T> GC_DEVICE T combine(T a, T b) { return a || b; } };
struct gc_all { template <class T> GC_DEVICE T combine(T a, T b) { return a && b; } };

// A value and where it was found; position -1: nowhere yet.
template <class T> struct gc_place {
  T value;
  long long position;
};

// The value further out wins, nan before all, the first position where they are equal.
struct gc_argmax {
  template <class T> GC_DEVICE bool beats(T a, T b) { return a != a ? b == b : a > b; }
  template <class T> GC_DEVICE gc_place<T> combine(gc_place<T> a, gc_place<T> b);
};
struct gc_argmin {
  template <class T> GC_DEVICE bool beats(T a, T b) { return a != a ? b == b : a < b; }
  template <class T> GC_DEVICE gc_place<T> combine(gc_place<T> a, gc_place<T> b);
};
template <class Beats, class T> GC_DEVICE gc_place<T> gc_better(gc_place<T> a, gc_place<T> b) {
  if (a.position < 0 || b.position < 0) return a.position < 0 ? b : a;
  if (Beats::beats(a.value, b.value)) return a;
  if (Beats::beats(b.value, a.value)) return b;
  return a.position < b.position ? a : b;
}
template <class T> __device__ __forceinline__ gc_place<T> gc_argmax::combine(gc_place<T> a, gc_place<T> b) {
  return gc_better<gc_argmax>(a, b);
}
template <class T> __device__ __forceinline__ gc_place<T> gc_argmin::combine(gc_place<T> a, gc_place<T> b) {
  return gc_better<gc_argmin>(a, b);
}

template <class T> GC_DEVICE T gc_from_lane(T x, int distance) {
  return (T)__shfl_xor_sync(0xffffffffu, x, distance);
}
GC_DEVICE bool gc_from_lane(bool x, int distance) { return __shfl_xor_sync(0xffffffffu, (int)x, distance) != 0; }
template <class T> GC_DEVICE gc_place<T> gc_from_lane(gc_place<T> x, int distance) {
  gc_place<T> y;
  y.value = gc_from_lane(x.value, distance);
  y.position = __shfl_xor_sync(0xffffffffu, x.position, distance);
  return y;
}

// LANES neighbouring threads fold one item; all of them get the result. Every thread of the block takes part.
template <int LANES, class Fold, class T> GC_DEVICE T gc_fold_row(T x, void* shared) {
#pragma unroll
  for (int distance = (LANES < 32 ? LANES : 32) / 2; distance > 0; distance >>= 1)
    x = Fold::combine(x, gc_from_lane(x, distance));
  if (LANES <= 32) return x;
  T* warps = (T*)shared;
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = x;
  __syncthreads();
  int first = threadIdx.x / LANES * (LANES / 32);
  x = warps[first];
  for (int warp = 1; warp < LANES / 32; ++warp) x = Fold::combine(x, warps[first + warp]);
  return x;
}

// ITEMS neighbouring threads have an item each, LANES such rows of threads fold them.
template <int LANES, int ITEMS, class Fold, class T> GC_DEVICE T gc_fold_column(T x, void* shared) {
  T* all = (T*)shared;
  int item = threadIdx.x % ITEMS, lane = threadIdx.x / ITEMS;
  __syncthreads();
  all[threadIdx.x] = x;
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance >>= 1) {
    __syncthreads();
    if (lane < distance)
      all[threadIdx.x] = Fold::combine(all[threadIdx.x], all[threadIdx.x + distance * ITEMS]);
  }
  __syncthreads();
  return all[item];
}
