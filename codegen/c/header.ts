/** The public header of a compiled model: C11, usable from C++, every name prefixed. */
import { formatType } from "../../ir/type.ts";
import type { Interface, Program } from "../program.ts";

/** What the header says about memory. */
export interface Sizes {
  /** Of the arena without scratch, when no extent decides. */
  readonly arenaBytes: number | null;
  readonly scratchBytes: number;
  readonly weightBytes: number;
}

export interface HeaderOptions {
  readonly prefix: string;
  readonly freestanding: boolean;
  /** The weights are part of the program. */
  readonly embeds: boolean;
}

const plain = (text: string): string => text.replaceAll("*/", "* /").replaceAll("/*", "/ *").replaceAll("\n", " ");

const tensorLines = (list: readonly Interface[]): string =>
  list.length === 0 ? " *   none" : list.map((t, i) => ` *   ${i}  ${plain(t.name)}: ${plain(formatType(t.type))}`).join("\n");

function extentLines(program: Program): string {
  const given = program.extents.map((e, i) => ({ ...e, i })).filter((e) => e.input);
  if (given.length === 0) return " * All sizes are fixed: pass NULL for extents.";
  const lines = given.map((e, k) => ` *   ${k}  ${plain(e.name)}: axis ${e.input!.axis} of input ${e.input!.index}`);
  return [" * Extents, which every call that takes them needs in this order:", ...lines].join("\n");
}

export function headerText(program: Program, sizes: Sizes, { prefix: p, freestanding, embeds }: HeaderOptions): string {
  const upper = p.toUpperCase();
  const given = program.extents.filter((e) => e.input).length;
  return `/*
 * ${plain(program.name)}, compiled by Sinter.
 *
 * Inputs, row-major, aligned to their element:
${tensorLines(program.inputs)}
 * Outputs:
${tensorLines(program.outputs)}
${extentLines(program)}
 *
 * Functions return 0, or one of the errors below. A context serves one run at a time; different contexts are
 * independent. There is no global state.
 */
#ifndef ${upper}_H
#define ${upper}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${upper}_INPUTS ${program.inputs.length}
#define ${upper}_OUTPUTS ${program.outputs.length}
/* How many extents calls take. */
#define ${upper}_EXTENTS ${given}
#define ${upper}_WEIGHT_BYTES ${sizes.weightBytes}
${sizes.arenaBytes === null ? `/* The arena's size depends on the extents: ${p}_arena_bytes. */` : `/* Memory that a run needs, with one thread. */\n#define ${upper}_ARENA_BYTES ${sizes.arenaBytes + sizes.scratchBytes}`}

enum {
  ${upper}_OK = 0,
  ${upper}_BAD_ARGUMENT = 1, /* a null pointer, an extent below zero or too large */
  ${upper}_NO_MEMORY = 2,    /* the arena is too small, or memory cannot be had */
  ${upper}_NO_WEIGHTS = 3,   /* the weights file cannot be read or has another size */
  ${upper}_BAD_LOOP = 4      /* a loop made more iterations than its results can hold */
};

typedef struct ${p}_context ${p}_context;

/* An input or output. \`shape\` has -1 where an extent decides. */
typedef struct ${p}_tensor {
  const char *name;
  const char *dtype;
  int rank;
  const int64_t *shape;
} ${p}_tensor;

/* Everything may be zero. */
typedef struct ${p}_options {
  /* ${embeds ? "NULL: the weights that are part of the program." : freestanding ? "The bytes of the weights file, 64-byte aligned." : "The bytes of the weights file, 64-byte aligned. NULL: weights_path is read."} */
  const void *weights;
  /* ${embeds || freestanding ? "Ignored." : `NULL: "${p}.bin" in the current folder.`} */
  const char *weights_path;
  /* Memory for intermediate values, 64-byte aligned. ${freestanding ? "Required." : "NULL: it is allocated."} */
  void *arena;
  size_t arena_bytes;
  /* Threads that work on one run. ${freestanding ? "More than one needs parallel_for." : "0 and 1: the caller's alone."} */
  int threads;
  /*
   * Called ${freestanding ? "when there is more than one thread" : "instead of starting threads"}: must call body for disjoint ranges that make up 0 .. count, with
   * worker in 0 .. threads - 1 and never the same worker twice at a time, and return when all are done.
   */
  void (*parallel_for)(void *user, int64_t count, void (*body)(void *data, int64_t begin, int64_t end, int worker), void *data);
  void *user;
} ${p}_options;

/* Descriptions, by number; NULL beyond the last. */
const ${p}_tensor *${p}_input(int index);
const ${p}_tensor *${p}_output(int index);

${
  freestanding
    ? `/* Bytes of a context. */
size_t ${p}_context_bytes(void);
/* Makes a context in the caller's memory, aligned as for malloc. It needs no destruction. */
int ${p}_init(void *memory, size_t bytes, const ${p}_options *options, ${p}_context **context);`
    : `/* Makes a context; \`options\` may be NULL. */
int ${p}_create(${p}_context **context, const ${p}_options *options);
void ${p}_destroy(${p}_context *context);`
}

/* Bytes of arena that a run with these extents needs; 0 where they are out of range. */
size_t ${p}_arena_bytes(const int64_t *extents, int threads);
/* Bytes that an input has, and the most that an output can have. */
int64_t ${p}_input_bytes(int index, const int64_t *extents);
int64_t ${p}_output_bytes(int index, const int64_t *extents);

/* Reads \`inputs\` and fills \`outputs\`, one address each; each output must have room for its output_bytes. */
int ${p}_run(${p}_context *context, const int64_t *extents, const void *const *inputs, void *const *outputs);
/* The shape of an output of the last run, into room for its rank. */
int ${p}_output_shape(const ${p}_context *context, int index, int64_t *shape);

#ifdef __cplusplus
}
#endif

#endif
`;
}
