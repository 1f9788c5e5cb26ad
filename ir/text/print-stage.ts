/** Stages as text, for reading. */
import type { Loop } from "../dim.ts";
import type { Buffer } from "../expr.ts";
import type { Fold, Stage } from "../stage.ts";
import { formatType } from "../type.ts";
import { BufferNames, ExprPrinter } from "./print-expr.ts";

/**
 * ```
 * stage (i0 < 8, i1 < 16) {
 *   acc: f32 = 0.0
 *   fold (r0 < 32) {
 *     acc = acc + a[i0, r0] * b[r0, i1]
 *   }
 *   merge acc = acc + acc_right
 *   y[i0, i1] = acc
 * }
 * ```
 * A tuple on the left is assigned at once. With `each`, the results stand inside the fold.
 */
export function printStage(stage: Stage, buffers = new BufferNames()): string {
  const fold = stage.fold ? printFold(stage, stage.fold, buffers) : printResults(stage, new ExprPrinter(buffers), "  ");
  return [`stage (${axes(stage.axes)}) {`, ...fold, "}"].join("\n");
}

/** Stages that run one after the other, after a line per buffer that they make for themselves. */
export function printStages(stages: readonly Stage[], outside: readonly Buffer[], buffers = new BufferNames()): string {
  outside.forEach((b) => buffers.of(b));
  const made = new Set(stages.flatMap((s) => s.results.map((r) => r.out)).filter((b) => !outside.includes(b)));
  const declared = [...made].map((b) => `buffer ${buffers.of(b)}: ${formatType({ kind: "tensor", dtype: b.dtype, shape: b.shape })}`);
  return [...declared, ...stages.map((s) => printStage(s, buffers))].join("\n");
}

const axes = (loops: readonly Loop[]): string => loops.map((l) => `${l.name} < ${new ExprPrinter().dim(l.extent)}`).join(", ");

function printResults({ results }: Stage, printer: ExprPrinter, indent: string): string[] {
  const lets = printer.lets(results.map((r) => r.value));
  return [...lets, ...results.map((r) => `${printer.place(r.out, r.at)} = ${printer.expr(r.value)}`)].map((line) => indent + line);
}

function printFold(stage: Stage, fold: Fold, buffers: BufferNames): string[] {
  const names = fold.state.map((s) => s.name);
  const printer = new ExprPrinter(buffers, new Set(names.flatMap((n) => [n, `${n}_right`])));
  const inits = fold.state.map((s) => `  ${s.name}: ${s.dtype} = ${printer.expr(s.init)}`);
  const target = names.length === 1 ? names[0]! : `(${names.join(", ")})`;
  const value = (exprs: Fold["step"]): string =>
    exprs.length === 1 ? printer.expr(exprs[0]!) : `(${exprs.map((e) => printer.expr(e)).join(", ")})`;
  const steps = [...printer.lets(fold.step), `${target} = ${value(fold.step)}`].map((line) => `    ${line}`);
  printer.forget();
  const each = fold.emit === "each" ? printResults(stage, printer, "    ") : [];
  printer.forget();
  const merge = [...printer.lets(fold.merge), `merge ${target} = ${value(fold.merge)}`].map((line) => `  ${line}`);
  printer.forget();
  const last = fold.emit === "each" ? [] : printResults(stage, printer, "  ");
  return [...inits, `  fold (${axes(fold.axes)}) {`, ...steps, ...each, "  }", ...merge, ...last];
}
