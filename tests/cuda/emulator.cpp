// Runs kernels on the CPU: a fiber for each thread of a block, the blocks one after another.
//
// Threads run until a barrier or an exchange, in the order asked for (forwards, backwards, or shuffled anew each
// time), so that a missing barrier shows in some order. A barrier that not all threads of a block reach, or that
// they reach at different lines, and an exchange that lanes of its mask do not join, are errors.

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <memory>
#include <ucontext.h>
#include <vector>

struct Dim { unsigned x = 1, y = 1, z = 1; };
extern "C" { Dim gc_thread_index, gc_block_index, gc_block_size, gc_grid_size; }

namespace {

enum class State { ready, exchanging, waiting, meeting, done };
constexpr size_t kStackBytes = 64 << 10;
constexpr unsigned kWarp = 32, kMostThreads = 1024;

struct Fiber {
  jmp_buf at;
  bool started = false;
  State state = State::done;
  int line = 0;
  unsigned mask = 0, from = 0;
  uint64_t given = 0, taken = 0;
};

// The fibers of a block; one that waits for the others of its grid keeps its own.
struct Block {
  Fiber fibers[kMostThreads];
  unsigned number = 0;
  std::vector<char> shared;
};

std::vector<std::unique_ptr<Block>> with_fibers;
Fiber* fibers;
Fiber* current;
jmp_buf scheduler;
ucontext_t home;
void (*body)(void**);
void** arguments;
char message[256];
uint64_t randomness;

void switch_to_scheduler() {
  if (_setjmp(current->at) == 0) _longjmp(scheduler, 1);
}

// A fiber's life: one thread after another, waiting for the next in between.
void live() {
  for (;;) {
    body(arguments);
    current->state = State::done;
    switch_to_scheduler();
  }
}

void run(Fiber& fiber, unsigned thread) {
  current = &fiber;
  gc_thread_index.x = thread;
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = malloc(kStackBytes);
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = &home;
  makecontext(&context, live, 0);
  setcontext(&context);
}

uint32_t random_number() {
  randomness ^= randomness << 13;
  randomness ^= randomness >> 7;
  randomness ^= randomness << 17;
  return uint32_t(randomness >> 16);
}

std::vector<unsigned> ordered(unsigned count, int order) {
  std::vector<unsigned> found(count);
  for (unsigned i = 0; i < count; ++i) found[i] = order == 1 ? count - 1 - i : i;
  if (order >= 2)
    for (unsigned i = count - 1; i > 0 && i < count; --i) std::swap(found[i], found[random_number() % (i + 1)]);
  return found;
}

bool fail(const char* what, int line, unsigned thread) {
  snprintf(message, sizeof message, "%s (line %d, thread %u of block %u)", what, line, thread, gc_block_index.x);
  return false;
}

// Gives waiting lanes what they exchange. False with a message where lanes of the mask are elsewhere.
bool exchange(unsigned first, unsigned lanes) {
  Fiber* warp = fibers + first;
  for (unsigned i = 0; i < lanes; ++i) {
    Fiber& fiber = warp[i];
    if (fiber.state != State::exchanging) continue;
    for (unsigned j = 0; j < lanes; ++j) {
      bool joins = warp[j].state == State::exchanging && warp[j].line == fiber.line && warp[j].mask == fiber.mask;
      if ((fiber.mask >> j & 1) && !joins) return fail("an exchange that not all lanes of its mask join", fiber.line, first + j);
    }
    if (fiber.from >= lanes || !(fiber.mask >> fiber.from & 1))
      return fail("an exchange with a lane that takes no part", fiber.line, first + i);
    fiber.taken = warp[fiber.from].given;
  }
  for (unsigned i = 0; i < lanes; ++i)
    if (warp[i].state == State::exchanging) warp[i].state = State::ready;
  return true;
}

// Runs the lanes of a warp until all are at a barrier or done.
bool run_warp(unsigned first, unsigned lanes, int order) {
  for (;;) {
    for (unsigned lane : ordered(lanes, order))
      if (fibers[first + lane].state == State::ready) run(fibers[first + lane], first + lane);
    bool any = std::any_of(fibers + first, fibers + first + lanes, [](Fiber& f) { return f.state == State::exchanging; });
    if (!any) return true;
    if (!exchange(first, lanes)) return false;
  }
}

bool run_block(unsigned threads, int order) {
  for (unsigned i = 0; i < threads; ++i) fibers[i].state = State::ready;
  for (;;) {
    for (unsigned warp : ordered((threads + kWarp - 1) / kWarp, order))
      if (!run_warp(warp * kWarp, std::min(kWarp, threads - warp * kWarp), order)) return false;
    unsigned done = 0;
    for (unsigned i = 0; i < threads; ++i) {
      done += fibers[i].state == State::done;
      if (fibers[i].state != fibers[0].state) return fail("a barrier that some threads never reach", fibers[i].line, i);
      if (fibers[i].state != State::done && fibers[i].line != fibers[0].line)
        return fail("threads wait at different barriers", fibers[i].line, i);
    }
    if (done == threads || fibers[0].state == State::meeting) return true;
    for (unsigned i = 0; i < threads; ++i) fibers[i].state = State::ready;
  }
}

// Runs every block until it is done or waits for the others, and so on until all are done.
bool run_grid(unsigned count, unsigned threads, char* shared, unsigned long shared_bytes, int order, bool together) {
  std::vector<Block*> paused;
  for (unsigned number : ordered(count, order)) {
    if (with_fibers.size() <= paused.size()) with_fibers.emplace_back(new Block);
    Block* block = with_fibers[paused.size()].get();
    fibers = block->fibers;
    gc_block_index.x = block->number = number;
    memset(shared, 0xFF, shared_bytes);
    if (!run_block(threads, order)) return false;
    if (fibers[0].state == State::done) continue;
    if (!together) return fail("blocks wait for one another that need not run at the same time", fibers[0].line, 0);
    block->shared.assign(shared, shared + shared_bytes);
    paused.push_back(block);
  }
  if (paused.empty()) return true;
  for (unsigned done = 0; done < count;) {
    for (Block* block : paused)
      if (done > 0 || paused.size() < count || block->fibers[0].line != paused[0]->fibers[0].line)
        return fail("a meeting that some blocks never reach", block->fibers[0].line, 0);
    for (unsigned i : ordered(count, order)) {
      fibers = paused[i]->fibers;
      gc_block_index.x = paused[i]->number;
      memcpy(shared, paused[i]->shared.data(), shared_bytes);
      if (!run_block(threads, order)) return false;
      paused[i]->shared.assign(shared, shared + shared_bytes);
      done += fibers[0].state == State::done;
    }
  }
  return true;
}

}  // namespace

extern "C" {

void gc_grid_barrier(int line) {
  current->line = line;
  current->state = State::meeting;
  switch_to_scheduler();
}

void gc_barrier(int line) {
  current->line = line;
  current->state = State::waiting;
  switch_to_scheduler();
}

uint64_t gc_exchange(unsigned mask, uint64_t bits, unsigned from, int line) {
  current->line = line;
  current->mask = mask;
  current->from = from;
  current->given = bits;
  current->state = State::exchanging;
  switch_to_scheduler();
  return current->taken;
}

// Runs a kernel; returns null, or what was wrong. `order`: 0 forwards, 1 backwards, else shuffled from that seed.
const char* gc_launch(void (*thread)(void**), void** given, unsigned blocks, unsigned threads, char* shared,
                      unsigned long shared_bytes, int order, bool together) {
  body = thread;
  arguments = given;
  gc_block_size.x = threads;
  gc_grid_size.x = blocks;
  randomness = 0x9E3779B97F4A7C15ull * (unsigned)(order + 1);
  if (threads == 0 || threads > kMostThreads || blocks == 0) return "a launch without threads, or with too many";
  if (run_grid(blocks, threads, shared, shared_bytes, order, together)) return nullptr;
  // The fibers are somewhere in the middle of the kernel: begin with new ones next time.
  with_fibers.clear();
  return message;
}

}
