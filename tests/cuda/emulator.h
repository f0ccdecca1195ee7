// The language of CUDA C, for g++: what a kernel's text needs to compile as C++ and run on the CPU.
// No standard header is included: compiling a hundred small kernels should take seconds.
#pragma once

#define __device__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// Shared arrays lie in one section, which the emulator fills with 0xFF before every block.
#define __shared__ static __attribute__((section("gc_shared")))
extern "C" char __start_gc_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_gc_shared[] __attribute__((weak, visibility("hidden")));

struct gc_dim { unsigned x, y, z; };

extern "C" {
extern gc_dim gc_thread_index, gc_block_index, gc_block_size, gc_grid_size;
void gc_barrier(int line);
void gc_grid_barrier(int line);
// Hands `bits` to the other lanes and returns what lane `from` handed over.
unsigned long long gc_exchange(unsigned mask, unsigned long long bits, unsigned from, int line);

float fabsf(float), floorf(float), ceilf(float), rintf(float), fmodf(float, float), copysignf(float, float);
float expf(float), expm1f(float), logf(float), log1pf(float), sqrtf(float), tanhf(float), erff(float), powf(float, float);
float sinf(float), cosf(float), tanf(float), asinf(float), acosf(float), atanf(float), atan2f(float, float);
float sinhf(float), coshf(float), fmaf(float, float, float);
double fabs(double), floor(double), ceil(double), rint(double), fmod(double, double), copysign(double, double);
double exp(double), expm1(double), log(double), log1p(double), sqrt(double), tanh(double), erf(double);
double pow(double, double), sin(double), cos(double), tan(double), asin(double), acos(double), atan(double);
double atan2(double, double), sinh(double), cosh(double), fma(double, double, double);
void *memcpy(void*, const void*, unsigned long);
}

#define threadIdx gc_thread_index
#define blockIdx gc_block_index
#define blockDim gc_block_size
#define gridDim gc_grid_size
#define __syncthreads() gc_barrier(__LINE__)
#define gc_meet(meeting) gc_grid_barrier(__LINE__)

template <class To, class From> static inline To gc_bits(From x) {
  To y = 0;
  static_assert(sizeof(To) >= sizeof(From), "bits are not dropped");
  memcpy(&y, &x, sizeof(From));
  return y;
}
static inline unsigned __float_as_uint(float x) { return gc_bits<unsigned>(x); }
static inline float __uint_as_float(unsigned x) { return gc_bits<float>(x); }
static inline float __int_as_float(int x) { return gc_bits<float>(x); }
static inline double __longlong_as_double(long long x) { return gc_bits<double>(x); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }

template <class T> static inline T gc_shuffle(unsigned mask, T x, int distance, int line) {
  unsigned long long given = gc_bits<unsigned long long>(x);
  unsigned long long taken = gc_exchange(mask, given, (threadIdx.x % 32) ^ distance, line);
  T y;
  memcpy(&y, &taken, sizeof(T));
  return y;
}
#define __shfl_xor_sync(mask, x, distance) gc_shuffle(mask, x, distance, __LINE__)

// Tensor cores: each lane shows the others its registers, and sums up what is its own of the product.
#define GC_EMULATED
static inline unsigned gc_to_tf32(float x) {
  unsigned bits = __float_as_uint(x);
  return (x - x == 0 ? bits + 0x1000 : bits) & ~0x1fffu;
}
struct gc_operands { unsigned a[4], b[2]; };
static inline void gc_show(gc_operands (&all)[32], const unsigned (&a)[4], const unsigned (&b)[2], int line) {
  gc_operands mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  for (int lane = 0; lane < 32; ++lane)
    all[lane] = *(gc_operands*)gc_exchange(0xffffffffu, (unsigned long long)&mine, lane, line);
  // Nobody goes on before all have looked.
  gc_exchange(0xffffffffu, 0, 0, line);
}
// `part` tells a number from the registers: (registers, which of them, which half) -> float.
template <class Part>
static inline void gc_multiply(float (&sum)[4], const gc_operands (&all)[32], int deep, Part part) {
  int group = threadIdx.x % 32 / 4, pair = threadIdx.x % 4, width = deep / 8;
  for (int e = 0; e < 4; ++e) {
    int row = group + e / 2 * 8, column = pair * 2 + e % 2;
    float total = 0;
    for (int k = 0; k < deep; ++k) {
      int lane = k / width % 4, half = k / (deep / 2), place = k % width;
      float left = part(all[row % 8 * 4 + lane].a[row / 8 + half * 2], place);
      total += left * part(all[column * 4 + lane].b[half], place);
    }
    sum[e] += total;
  }
}
static inline void gc_multiply_tf32(float (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  gc_operands all[32];
  gc_show(all, a, b, __LINE__);
  gc_multiply(sum, all, 8, [](unsigned x, int) { return __uint_as_float(x & ~0x1fffu); });
}
static inline void gc_multiply_bfloat16(float (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  gc_operands all[32];
  gc_show(all, a, b, __LINE__);
  gc_multiply(sum, all, 16, [](unsigned x, int place) { return __uint_as_float(x >> place * 16 << 16); });
}

// Newton's method on erf, from a guess that is good to a tenth.
static inline double erfinv(double y) {
  if (!(y > -1 && y < 1)) return y == 1 ? __longlong_as_double(0x7ff0000000000000LL)
                              : y == -1 ? -__longlong_as_double(0x7ff0000000000000LL)
                                        : __longlong_as_double(0x7ff8000000000000LL);
  double l = log1p(-y * y), a = 4.3307 + l / 2;
  double x = copysign(sqrt(sqrt(a * a - l / 0.147) - a), y);
  for (int i = 0; i < 4; ++i) x -= (erf(x) - y) / (1.1283791670955126 * exp(-x * x));
  return y == 0 ? y : x;
}
static inline float erfinvf(float y) { return (float)erfinv((double)y); }

// One thread of a kernel, called with an array of the addresses of its arguments.
template <int... I> struct gc_positions {};
template <int N, int... I> struct gc_count : gc_count<N - 1, N - 1, I...> {};
template <int... I> struct gc_count<0, I...> { typedef gc_positions<I...> positions; };
template <class... A, int... I> static inline void gc_apply(void (*kernel)(A...), void** a, gc_positions<I...>) {
  kernel(*(A*)a[I]...);
}
template <class... A> static inline void gc_call(void (*kernel)(A...), void** a) {
  gc_apply(kernel, a, typename gc_count<sizeof...(A)>::positions());
}
#define GC_EXPORT(kernel) \
  extern "C" void gc_thread_of_##kernel(void** arguments) { gc_call(&kernel, arguments); }
extern "C" inline __attribute__((used)) char* gc_shared_start() { return __start_gc_shared; }
extern "C" inline __attribute__((used)) unsigned long gc_shared_bytes() {
  return __start_gc_shared ? __stop_gc_shared - __start_gc_shared : 0;
}
