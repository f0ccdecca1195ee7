// What an epoch runs around the steps of a plan: rows of the data gathered, results added up, the step counted.

extern "C" __global__ void __launch_bounds__(256)
gc_gather(unsigned char* to, const unsigned char* from, const long long* rows, const long long* step, long long batch,
          long long count, long long row_bytes) {
  const long long* chosen = rows + *step * batch;
  const long long stride = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (row_bytes % 4 == 0) {
    const long long words = row_bytes / 4;
    for (long long item = first; item < count * words; item += stride)
      ((unsigned*)to)[item] = ((const unsigned*)from)[chosen[item / words] * words + item % words];
    return;
  }
  for (long long item = first; item < count * row_bytes; item += stride)
    to[item] = from[chosen[item / row_bytes] * row_bytes + item % row_bytes];
}

// The product and the sum are rounded one after the other, as where Python adds the results up.
extern "C" __global__ void __launch_bounds__(32)
gc_add_float32(double* total, const float* result, long long rows) {
  if (threadIdx.x == 0 && blockIdx.x == 0) *total = __dadd_rn(*total, __dmul_rn((double)*result, (double)rows));
}

extern "C" __global__ void __launch_bounds__(32)
gc_add_float64(double* total, const double* result, long long rows) {
  if (threadIdx.x == 0 && blockIdx.x == 0) *total = __dadd_rn(*total, __dmul_rn(*result, (double)rows));
}

extern "C" __global__ void __launch_bounds__(32)
gc_advance(long long* step) {
  if (threadIdx.x == 0 && blockIdx.x == 0) ++*step;
}
