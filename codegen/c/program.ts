/** The main file of a compiled model: tables of kernels, buffers and steps, sizes, and the functions of the header. */
import { type Dim, mul } from "../../ir/dim.ts";
import { byteSize } from "../../ir/type.ts";
import { type Program, type ProgramBuffer, type Step, visitSteps } from "../program.ts";
import type { PrintedKernel } from "./kernel.ts";
import { sizeFunction, sizeText } from "./sizes.ts";

export interface ProgramText {
  readonly prefix: string;
  /** Function of each kernel, in the program's order; equal kernels share one. */
  readonly entries: readonly string[];
  readonly kernels: readonly PrintedKernel[];
  readonly scratchBytes: number;
  readonly freestanding: boolean;
  readonly weights: WeightMode;
}

/** Where constants are; `none` where there are none. */
export type WeightMode = "bin" | "c" | "incbin" | "none";

/** Everything of the main file that follows the kernels. */
export function programText(program: Program, text: ProgramText): string {
  return [
    kernelTable(program, text),
    bufferTable(program, text.prefix),
    stepTable(program, text.prefix),
    tensorTables(program, text.prefix),
    sizeFunctions(program, text),
    contextText(program, text),
    apiText(program, text),
    text.freestanding ? initText(text) : createText(program, text),
  ].join("\n\n");
}

const list = (lines: readonly string[], empty: string): string =>
  lines.length === 0 ? empty : lines.map((l) => `\n  ${l}`).join(",") + "\n";

const comment = (text: string): string =>
  `/* ${text
    .replaceAll("*/", "* /")
    .replaceAll("/*", "/ *")
    .replace(/[^\x20-\x7e]/g, "?")} */`;

function kernelTable(program: Program, { prefix, entries, kernels }: ProgramText): string {
  const rows = program.kernels.map((k, i) => {
    const { count, work } = kernels[i]!;
    return `{${entries[i]!}, ${typeof count === "number" ? count : -1}, ${work}} ${comment(k.label)}`;
  });
  return `static const sinter_kernel_entry ${prefix}_kernels[] = {${list(rows, "{0, 0, 0}")}};`;
}

const storageKinds = { input: "SINTER_INPUT", output: "SINTER_OUTPUT", constant: "SINTER_CONSTANT", arena: "SINTER_ARENA" } as const;

function bufferRow({ name, storage: s }: ProgramBuffer): string {
  const offset = s.kind === "constant" || s.kind === "arena" ? s.offset : 0;
  const index = s.kind === "arena" ? s.slot : s.kind === "constant" ? 0 : s.index;
  return `{${offset}, ${index}, ${storageKinds[s.kind]}} ${comment(name)}`;
}

const bufferTable = (program: Program, prefix: string): string =>
  `static const sinter_buffer ${prefix}_buffers[] = {${list(program.buffers.map(bufferRow), "{0, 0, SINTER_ARENA}")}};`;

/** One step's words, nested ones included, each step on a line of its own. */
function stepLines(program: Program, steps: readonly Step[], indent: string): { lines: string[]; words: number } {
  const lines: string[] = [];
  let words = 0;
  const put = (parts: readonly (string | number)[], note = ""): void => {
    lines.push(`${indent}${parts.join(", ")},${note === "" ? "" : ` ${comment(note)}`}`);
    words += parts.length;
  };
  const nest = (inner: { lines: string[]; words: number }): void => {
    lines.push(...inner.lines);
    words += inner.words;
  };
  for (const s of steps) {
    switch (s.kind) {
      case "run":
        put(["SINTER_RUN", s.kernel, s.args.length, ...s.args, s.extents.length, ...s.extents], program.kernels[s.kernel]!.label);
        break;
      case "copy":
        put(["SINTER_COPY", s.from, s.to, s.iteration ?? -1]);
        break;
      case "extent":
        put(["SINTER_EXTENT", s.extent, s.from], program.extents[s.extent]!.name);
        break;
      case "if": {
        const [then, otherwise] = [s.then, s.else].map((x) => stepLines(program, x, `${indent}  `)) as [
          ReturnType<typeof stepLines>,
          ReturnType<typeof stepLines>,
        ];
        put(["SINTER_IF", s.condition, then.words, otherwise.words]);
        nest(then);
        nest(otherwise);
        break;
      }
      case "loop": {
        const body = stepLines(program, s.steps, `${indent}  `);
        put(["SINTER_LOOP", s.iteration, s.limit ?? -1, s.condition ?? -1, body.words]);
        nest(body);
      }
    }
  }
  return { lines, words };
}

function stepTable(program: Program, prefix: string): string {
  const { lines, words } = stepLines(program, program.steps, "  ");
  const body = lines.length === 0 ? "0" : `\n${lines.join("\n")}\n`;
  return `enum { ${prefix}_step_words = ${words} };\nstatic const int32_t ${prefix}_steps[] = {${body}};`;
}

/** A C string literal. */
const quoted = (text: string): string =>
  `"${[...new TextEncoder().encode(text)].map((b) => (b >= 0x20 && b < 0x7f && b !== 0x22 && b !== 0x5c && b !== 0x3f ? String.fromCharCode(b) : `\\${b.toString(8).padStart(3, "0")}`)).join("")}"`;

function tensorTables(program: Program, prefix: string): string {
  const tables = (["input", "output"] as const).map((kind) => {
    const tensors = kind === "input" ? program.inputs : program.outputs;
    const shapes = tensors.map(
      ({ type }, i) =>
        `static const int64_t ${prefix}_${kind}_shape_${i}[] = {${type.shape.map((d) => (typeof d === "number" ? d : -1)).join(", ") || "0"}};`,
    );
    const rows = tensors.map(
      ({ name, type }, i) => `{${quoted(name)}, "${type.dtype}", ${type.shape.length}, ${prefix}_${kind}_shape_${i}}`,
    );
    const get = `const ${prefix}_tensor *${prefix}_${kind}(int index) {`;
    if (tensors.length === 0) return `${get}\n  (void)index;\n  return NULL;\n}`;
    return [
      ...shapes,
      `static const ${prefix}_tensor ${prefix}_${kind}_table[] = {${list(rows, "")}};`,
      get,
      `  return index >= 0 && index < ${tensors.length} ? &${prefix}_${kind}_table[index] : NULL;`,
      "}",
    ].join("\n");
  });
  return tables.join("\n\n");
}

/** Extents in the program's numbering, by name. */
const extentIndex =
  (program: Program) =>
  (name: string): number => {
    const index = program.extents.findIndex((e) => e.name === name);
    if (index < 0) throw new Error(`extent '${name}' is not one of the program's`);
    return index;
  };

const elementCount = (shape: readonly Dim[]): Dim => shape.reduce(mul, 1);

function sizeFunctions(program: Program, { prefix, kernels }: ProgramText): string {
  const indexOf = extentIndex(program);
  const [used, capacities] = [new Map<number, string>(), new Map<number, string>()];
  visitSteps(program.steps, (s) => {
    if (s.kind !== "copy") return;
    const [from, to] = [program.buffers[s.from]!, program.buffers[s.to]!];
    used.set(s.from, sizeText(mul(elementCount(from.shape), byteSize(from.dtype)), indexOf));
    capacities.set(s.to, sizeText(mul(to.capacity, byteSize(to.dtype)), indexOf));
  });
  const counts = new Map<number, string>();
  program.kernels.forEach((k, i) => {
    const { count } = kernels[i]!;
    if (typeof count !== "number")
      counts.set(
        i,
        sizeText(count, (name) => k.nest.extents.findIndex((e) => e.name === name)),
      );
  });
  return [
    "/* Of a kernel's own extents. */",
    sizeFunction(`${prefix}_count`, "kernel", counts),
    sizeFunction(`${prefix}_bytes`, "buffer", used),
    sizeFunction(`${prefix}_capacity`, "buffer", capacities),
    planText(program, prefix),
    `static const sinter_program ${prefix}_program = {${prefix}_kernels, ${prefix}_buffers, ${prefix}_steps, ${prefix}_step_words, ${prefix}_count, ${prefix}_bytes, ${prefix}_capacity};`,
  ].join("\n\n");
}

/** Where each slot begins; gives the arena's size. */
function planText(program: Program, prefix: string): string {
  const indexOf = extentIndex(program);
  const sizes = program.slots.map((d) => `sinter_slot(${sizeText(d, indexOf)})`);
  const lines = sizes.map((s, i) => `  slots[${i}] = at;\n  at = sinter_add(at, ${s});`);
  const unused = sizes.some((s) => s.includes("e[")) ? [] : ["  (void)e;"];
  return [
    `static int64_t ${prefix}_plan(const int64_t *e, int64_t *slots) {`,
    "  int64_t at = 0;",
    ...unused,
    ...(sizes.length === 0 ? ["  (void)slots;"] : lines),
    "  return at;",
    "}",
  ].join("\n");
}

const mostOf = (program: Program, kind: "args" | "extents"): number => {
  let most = 1;
  visitSteps(program.steps, (s) => {
    if (s.kind === "run") most = Math.max(most, s[kind].length);
  });
  return most;
};

function contextText(program: Program, { prefix, freestanding, weights }: ProgramText): string {
  const own = freestanding
    ? []
    : ["  void *allocated;", "  size_t allocated_bytes;", "  sinter_pool *pool;", ...(weights === "bin" ? ["  sinter_weights file;"] : [])];
  return [
    `struct ${prefix}_context {`,
    "  sinter_run run;",
    "  unsigned char *arena;",
    "  size_t arena_bytes;",
    `  int64_t extents[${program.extents.length + 1}];`,
    `  int64_t slots[${program.slots.length + 1}];`,
    `  void *roots[${mostOf(program, "args")}];`,
    `  int64_t kernel_extents[${mostOf(program, "extents")}];`,
    ...own,
    "};",
  ].join("\n");
}

/** Extents beyond this are refused, so that sizes stay far from the end of 64 bits. */
const largestExtent = "INT32_MAX";

function readExtents(program: Program, prefix: string): string {
  const given = program.extents.flatMap((e, i) => (e.input ? [i] : []));
  const lines = given.map((i, k) => `  if (from[${k}] < 0 || from[${k}] > ${largestExtent}) return 0;\n  to[${i}] = from[${k}];`);
  const produced = program.extents.flatMap((e, i) => (e.input ? [] : [`  to[${i}] = 0;`]));
  const checks = given.length === 0 ? ["  (void)from;"] : ["  if (!from) return 0;", ...lines];
  const touches = program.extents.length === 0 ? ["  (void)to;"] : produced;
  return [`static int ${prefix}_read_extents(const int64_t *from, int64_t *to) {`, ...checks, ...touches, "  return 1;", "}"].join("\n");
}

/** Bytes of inputs, and the most bytes of outputs. */
function tensorBytes(program: Program, prefix: string, kind: "input" | "output"): string {
  const indexOf = extentIndex(program);
  const cases = new Map(
    (kind === "input" ? program.inputs : program.outputs).map(({ buffer }, i) => {
      const b = program.buffers[buffer]!;
      return [i, sizeText(mul(b.capacity, byteSize(b.dtype)), indexOf)] as const;
    }),
  );
  return [
    sizeFunction(`${prefix}_${kind}_size`, "index", cases),
    `int64_t ${prefix}_${kind}_bytes(int index, const int64_t *extents) {`,
    `  int64_t e[${program.extents.length + 1}];`,
    `  return ${prefix}_read_extents(extents, e) ? sinter_max(${prefix}_${kind}_size(index, e), 0) : 0;`,
    "}",
  ].join("\n");
}

function outputShape(program: Program, prefix: string): string {
  const indexOf = extentIndex(program);
  const cases = program.outputs.map(({ type }, i) => {
    const stores = type.shape.map((d, axis) => `shape[${axis}] = sinter_max(${sizeText(d, indexOf)}, 0);`);
    return `    case ${i}: ${stores.join(" ")} return SINTER_OK;`;
  });
  const uses = cases.some((c) => /\be\[/.test(c));
  return [
    `int ${prefix}_output_shape(const ${prefix}_context *context, int index, int64_t *shape) {`,
    ...(uses
      ? ["  const int64_t *e;", "  if (!context || !shape) return SINTER_BAD_ARGUMENT;", "  e = context->extents;"]
      : ["  if (!context || !shape) return SINTER_BAD_ARGUMENT;"]),
    "  switch (index) {",
    ...cases,
    "    default: return SINTER_BAD_ARGUMENT;",
    "  }",
    "}",
  ].join("\n");
}

const nullChecks = (name: string, count: number): string =>
  count === 0
    ? ""
    : `  if (!${name}) return SINTER_BAD_ARGUMENT;\n  for (int i = 0; i < ${count}; i++) if (!${name}[i]) return SINTER_BAD_ARGUMENT;\n`;

function apiText(program: Program, { prefix, scratchBytes, freestanding }: ProgramText): string {
  return `${readExtents(program, prefix)}

size_t ${prefix}_arena_bytes(const int64_t *extents, int threads) {
  int64_t e[${program.extents.length + 1}], slots[${program.slots.length + 1}], bytes;
  if (!${prefix}_read_extents(extents, e)) return 0;
  bytes = sinter_add(${prefix}_plan(e, slots), sinter_mul(threads < 1 ? 1 : threads, ${scratchBytes}));
  return (uint64_t)bytes > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)bytes;
}

${tensorBytes(program, prefix, "input")}

${tensorBytes(program, prefix, "output")}

${outputShape(program, prefix)}

${freestanding ? "" : growText(prefix)}int ${prefix}_run(${prefix}_context *context, const int64_t *extents, const void *const *inputs, void *const *outputs) {
  sinter_run *r;
  size_t bytes;
  if (!context) return SINTER_BAD_ARGUMENT;
${nullChecks("inputs", program.inputs.length)}${nullChecks("outputs", program.outputs.length)}  if (!${prefix}_read_extents(extents, context->extents)) return SINTER_BAD_ARGUMENT;
  r = &context->run;
  bytes = ${prefix}_arena_bytes(extents, r->threads);
${freestanding ? "  if (bytes > context->arena_bytes) return SINTER_NO_MEMORY;" : `  if (bytes > context->arena_bytes && !${prefix}_grow(context, bytes)) return SINTER_NO_MEMORY;`}
  r->arena = context->arena;
  r->scratch = context->arena + ${prefix}_plan(context->extents, context->slots);
  r->inputs = inputs;
  r->outputs = outputs;
  return sinter_execute(r);
}

static void ${prefix}_setup(${prefix}_context *c, const ${prefix}_options *options) {
  c->run.program = &${prefix}_program;
  c->run.slots = c->slots;
  c->run.extents = c->extents;
  c->run.roots = c->roots;
  c->run.kernel_extents = c->kernel_extents;
  c->run.scratch_bytes = ${scratchBytes};
  c->run.threads = options->parallel_for && options->threads > 1 ? options->threads : 1;
  c->run.parallel_for = options->parallel_for;
  c->run.user = options->user;
  c->run.weights = (const unsigned char *)options->weights;
  c->arena = (unsigned char *)options->arena;
  c->arena_bytes = options->arena ? options->arena_bytes : 0;
}`;
}

/** Memory is the context's own unless the caller gave some. */
const growText = (prefix: string): string => `static int ${prefix}_grow(${prefix}_context *c, size_t bytes) {
  void *memory;
  if (c->arena && !c->allocated) return 0;
  memory = malloc(bytes + 64);
  if (!memory) return 0;
  free(c->allocated);
  c->allocated = memory;
  c->arena = (unsigned char *)memory + (64 - (uintptr_t)memory % 64) % 64;
  c->arena_bytes = bytes;
  return 1;
}

`;

const embedded = (prefix: string): string => `${prefix}_weights`;

function initText({ prefix, weights }: ProgramText): string {
  const given = weights === "bin" ? "  if (!options->weights) return SINTER_NO_WEIGHTS;\n" : "";
  const builtIn =
    weights === "bin" || weights === "none" ? "" : `  if (!c->run.weights) c->run.weights = (const unsigned char *)${embedded(prefix)};\n`;
  return `size_t ${prefix}_context_bytes(void) { return sizeof(${prefix}_context); }

int ${prefix}_init(void *memory, size_t bytes, const ${prefix}_options *options, ${prefix}_context **context) {
  ${prefix}_context *c = (${prefix}_context *)memory;
  if (!memory || bytes < sizeof *c || !options || !context) return SINTER_BAD_ARGUMENT;
${given}  memset(c, 0, sizeof *c);
  ${prefix}_setup(c, options);
${builtIn}  *context = c;
  return SINTER_OK;
}`;
}

function createText(program: Program, { prefix, weights }: ProgramText): string {
  const open =
    weights === "none"
      ? ""
      : weights === "bin"
        ? `  if (!c->run.weights) {
    if (!sinter_weights_open(&c->file, options->weights_path ? options->weights_path : "${prefix}.bin", ${Math.ceil(program.weightBytes / 64) * 64})) {
      ${prefix}_destroy(c);
      return SINTER_NO_WEIGHTS;
    }
    c->run.weights = c->file.bytes;
  }
`
        : `  if (!c->run.weights) c->run.weights = (const unsigned char *)${embedded(prefix)};\n`;
  const close = weights === "bin" ? "  sinter_weights_close(&context->file);\n" : "";
  return `void ${prefix}_destroy(${prefix}_context *context) {
  if (!context) return;
  sinter_pool_destroy(context->pool);
${close}  free(context->allocated);
  free(context);
}

int ${prefix}_create(${prefix}_context **context, const ${prefix}_options *options) {
  const ${prefix}_options none = {0};
  ${prefix}_context *c;
  if (!context) return SINTER_BAD_ARGUMENT;
  if (!options) options = &none;
  c = (${prefix}_context *)calloc(1, sizeof *c);
  if (!c) return SINTER_NO_MEMORY;
  ${prefix}_setup(c, options);
${open}  if (!options->parallel_for && options->threads > 1) {
    c->pool = sinter_pool_create(options->threads);
    c->run.threads = sinter_pool_threads(c->pool);
    c->run.parallel_for = c->pool ? sinter_pool_for : NULL;
    c->run.user = c->pool;
  }
  *context = c;
  return SINTER_OK;
}`;
}
