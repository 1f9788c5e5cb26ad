/*
 * Sinter's C runtime: follows the step table of a model. Generated files include it; everything in it is static, so a
 * program may hold any number of models. It allocates nothing, starts no threads and keeps no state of its own.
 */
#ifndef SINTER_RUNTIME_H
#define SINTER_RUNTIME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum sinter_status {
  SINTER_OK = 0,
  SINTER_BAD_ARGUMENT = 1,  /* a null pointer, an extent below zero or too large */
  SINTER_NO_MEMORY = 2,     /* the arena is too small, or memory cannot be had */
  SINTER_NO_WEIGHTS = 3,    /* the weights file cannot be read or has another size */
  SINTER_BAD_LOOP = 4       /* a loop made more iterations than its results can hold */
};

typedef void sinter_kernel(void *const *roots, const int64_t *extents, int64_t begin, int64_t end, void *scratch);
typedef void sinter_body(void *data, int64_t begin, int64_t end, int worker);
typedef void sinter_parallel_for(void *user, int64_t count, sinter_body *body, void *data);

typedef struct sinter_kernel_entry {
  sinter_kernel *run;
  /* Iterations of the outermost loop; -1: a function of the extents. */
  int64_t count;
  /* About how many operations one iteration makes; 0: iterations must run in order. */
  int64_t work;
} sinter_kernel_entry;

enum { SINTER_INPUT = 0, SINTER_OUTPUT = 1, SINTER_CONSTANT = 2, SINTER_ARENA = 3 };

/* index: which input, output or slot of the arena. offset: bytes from its start. */
typedef struct sinter_buffer {
  int64_t offset;
  int32_t index;
  int32_t kind;
} sinter_buffer;

/* Words of the step table. Lengths count words. */
enum {
  SINTER_RUN = 1,    /* kernel, number of arguments, arguments, number of extents, extents */
  SINTER_COPY = 2,   /* from, to, iteration or -1 */
  SINTER_IF = 3,     /* condition, length of then, length of else, then, else */
  SINTER_LOOP = 4,   /* iteration, limit or -1, condition or -1, length, steps */
  SINTER_EXTENT = 5  /* extent, from */
};

typedef struct sinter_program {
  const sinter_kernel_entry *kernels;
  const sinter_buffer *buffers;
  const int32_t *steps;
  int32_t step_words;
  /* Functions of the extents: a kernel's count, a buffer's bytes in use, the most it can hold. */
  int64_t (*count)(int kernel, const int64_t *extents);
  int64_t (*bytes)(int buffer, const int64_t *extents);
  int64_t (*capacity)(int buffer, const int64_t *extents);
} sinter_program;

/* One run of a program. */
typedef struct sinter_run {
  const sinter_program *program;
  const unsigned char *weights;
  unsigned char *arena;
  const int64_t *slots;
  const void *const *inputs;
  void *const *outputs;
  int64_t *extents;
  /* Room for the arguments and extents of any kernel. */
  void **roots;
  int64_t *kernel_extents;
  unsigned char *scratch;
  size_t scratch_bytes;
  int threads;
  sinter_parallel_for *parallel_for;
  void *user;
} sinter_run;

/* Sizes saturate. */
static inline int64_t sinter_mul(int64_t a, int64_t b) {
  if (a > 0 && (b > INT64_MAX / a || b < INT64_MIN / a)) return INT64_MAX;
  if (a < -1 && (b < INT64_MAX / a || b > INT64_MIN / a)) return INT64_MAX;
  return a == -1 && b == INT64_MIN ? INT64_MAX : a * b;
}

static inline int64_t sinter_add(int64_t a, int64_t b) {
  if (a > 0 && b > INT64_MAX - a) return INT64_MAX;
  return a < 0 && b < INT64_MIN - a ? INT64_MIN : a + b;
}

static inline int64_t sinter_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t sinter_max(int64_t a, int64_t b) { return a > b ? a : b; }

static inline int64_t sinter_floordiv(int64_t a, int64_t b) {
  if (b <= 0) return 0;
  return a / b - (a % b < 0);
}

static inline int64_t sinter_mod(int64_t a, int64_t b) {
  if (b <= 0) return 0;
  return a % b < 0 ? a % b + b : a % b;
}

/* Bytes of a slot: not negative, a multiple of 64. */
static inline int64_t sinter_slot(int64_t bytes) {
  if (bytes <= 0) return 0;
  return bytes > INT64_MAX - 63 ? INT64_MAX : (bytes + 63) / 64 * 64;
}

static void *sinter_pointer(const sinter_run *r, int32_t buffer) {
  const sinter_buffer *b = &r->program->buffers[buffer];
  switch (b->kind) {
    case SINTER_INPUT: return (void *)(uintptr_t)r->inputs[b->index];
    case SINTER_OUTPUT: return r->outputs[b->index];
    case SINTER_CONSTANT: return (void *)(uintptr_t)(r->weights + b->offset);
    default: return r->arena + r->slots[b->index] + b->offset;
  }
}

static int64_t sinter_scalar(const sinter_run *r, int32_t buffer) {
  int64_t value;
  memcpy(&value, sinter_pointer(r, buffer), sizeof value);
  return value;
}

static int sinter_holds(const sinter_run *r, int32_t buffer) { return *(const unsigned char *)sinter_pointer(r, buffer) != 0; }

typedef struct sinter_task {
  const sinter_run *run;
  sinter_kernel *kernel;
} sinter_task;

static void sinter_share(void *data, int64_t begin, int64_t end, int worker) {
  const sinter_task *t = (const sinter_task *)data;
  t->kernel(t->run->roots, t->run->kernel_extents, begin, end, t->run->scratch + (size_t)worker * t->run->scratch_bytes);
}

/* Fewer operations than this are not worth waking threads for. */
#define SINTER_LEAST_WORK 20000

static const int32_t *sinter_run_kernel(const sinter_run *r, const int32_t *step) {
  const int32_t kernel = *step++;
  const sinter_kernel_entry *k = &r->program->kernels[kernel];
  int64_t count;
  for (int32_t i = 0, n = *step++; i < n; i++) r->roots[i] = sinter_pointer(r, *step++);
  for (int32_t i = 0, n = *step++; i < n; i++) r->kernel_extents[i] = r->extents[*step++];
  count = k->count >= 0 ? k->count : r->program->count(kernel, r->kernel_extents);
  if (count <= 0) return step;
  if (r->threads > 1 && r->parallel_for && count > 1 && sinter_mul(count, k->work) >= SINTER_LEAST_WORK) {
    sinter_task task;
    task.run = r;
    task.kernel = k->run;
    r->parallel_for(r->user, count, sinter_share, &task);
  } else {
    k->run(r->roots, r->kernel_extents, 0, count, r->scratch);
  }
  return step;
}

static int sinter_copy(const sinter_run *r, int32_t from, int32_t to, int32_t iteration) {
  const int64_t bytes = r->program->bytes(from, r->extents);
  const int64_t start = iteration < 0 ? 0 : sinter_mul(sinter_scalar(r, iteration), bytes);
  if (bytes <= 0) return SINTER_OK;
  if (start < 0 || sinter_add(start, bytes) > r->program->capacity(to, r->extents)) return SINTER_BAD_LOOP;
  memmove((unsigned char *)sinter_pointer(r, to) + start, sinter_pointer(r, from), (size_t)bytes);
  return SINTER_OK;
}

static int sinter_steps(const sinter_run *r, const int32_t *step, const int32_t *end);

static int sinter_loop(const sinter_run *r, const int32_t *step) {
  const int32_t iteration = step[0], limit = step[1], condition = step[2], length = step[3];
  const int64_t most = limit < 0 ? INT64_MAX : sinter_scalar(r, limit);
  int64_t i = 0;
  for (; i < most && (condition < 0 || sinter_holds(r, condition)); i++) {
    int status;
    memcpy(sinter_pointer(r, iteration), &i, sizeof i);
    status = sinter_steps(r, step + 4, step + 4 + length);
    if (status != SINTER_OK) return status;
  }
  memcpy(sinter_pointer(r, iteration), &i, sizeof i);
  return SINTER_OK;
}

/* Nesting is as deep as the model's control flow. */
static int sinter_steps(const sinter_run *r, const int32_t *step, const int32_t *end) {
  int status = SINTER_OK;
  while (step < end && status == SINTER_OK) {
    switch (*step++) {
      case SINTER_RUN:
        step = sinter_run_kernel(r, step);
        break;
      case SINTER_COPY:
        status = sinter_copy(r, step[0], step[1], step[2]);
        step += 3;
        break;
      case SINTER_IF: {
        const int32_t *then = step + 3, *otherwise = then + step[1];
        const int taken = sinter_holds(r, step[0]);
        const int32_t *after = otherwise + step[2];
        status = taken ? sinter_steps(r, then, otherwise) : sinter_steps(r, otherwise, after);
        step = after;
        break;
      }
      case SINTER_LOOP:
        status = sinter_loop(r, step);
        step += 4 + step[3];
        break;
      default:
        r->extents[step[0]] = sinter_scalar(r, step[1]);
        if (r->extents[step[0]] < 0) status = SINTER_BAD_ARGUMENT;
        step += 2;
    }
  }
  return status;
}

static inline int sinter_execute(const sinter_run *r) {
  return sinter_steps(r, r->program->steps, r->program->steps + r->program->step_words);
}

#endif
