/** Einstein summation: any product of tensors summed over any of their axes. */
import { text } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, variadicOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import type { Dim } from "../dim.ts";
import { type Buffer, type Expr, load, mul } from "../expr.ts";
import { pointwise, reduction, sum } from "../stage.ts";
import { formatType, tensor } from "../type.ts";

/** Labels of the axes of each operand and of the result. Axes under an ellipsis are labelled `.0`, `.1`, ... from the last. */
export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

const bad = (equation: string, reason: string): never => {
  throw new OpError(`equation '${equation}' ${reason}`, "bad-attribute");
};

/** Reads an equation such as `ij,jk->ik` or `b...i,b...i`, for operands of the given ranks. Throws an `OpError`. */
export function parseEquation(equation: string, ranks: readonly number[]): Equation {
  const [left, right, ...more] = equation.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  if (more.length > 0 || !/^[a-zA-Z.,]*$/.test(left! + (right ?? ""))) bad(equation, "is malformed");
  if (terms.length !== ranks.length) bad(equation, `has ${terms.length} terms for ${ranks.length} operands`);
  const operands = terms.map((t, i) => parseTerm(equation, t, ranks[i]!));
  const covered = Math.max(0, ...operands.map((labels) => labels.filter((l) => l.startsWith(".")).length));
  const result =
    right === undefined
      ? implicitResult(operands, covered)
      : parseTerm(equation, right, right.replace("...", "").length + (right.includes("...") ? covered : 0));
  for (const l of result) if (!operands.some((labels) => labels.includes(l))) bad(equation, `names '${l}' in the result only`);
  if (new Set(result).size !== result.length) bad(equation, "names an axis twice in the result");
  return { operands, result };
}

function parseTerm(equation: string, term: string, rank: number): string[] {
  const [before, after, ...more] = term.split("...");
  if (more.length > 0 || /\./.test(before! + (after ?? ""))) bad(equation, "is malformed");
  const named = before!.length + (after ?? "").length;
  const covered = rank - named;
  const hasEllipsis = after !== undefined;
  if (covered < 0 || (covered > 0 && !hasEllipsis)) bad(equation, `has a term '${term}' that does not fit rank ${rank}`);
  return [...Array.from(before!), ...ellipsisLabels(covered), ...Array.from(after ?? "")];
}

const ellipsisLabels = (count: number): string[] => Array.from({ length: count }, (_, k) => `.${count - 1 - k}`);

/** Without `->`: the ellipsis, then every label that stands once, in alphabetical order. */
function implicitResult(operands: readonly (readonly string[])[], covered: number): string[] {
  const all = operands.flat().filter((l) => !l.startsWith("."));
  return [...ellipsisLabels(covered), ...all.filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort()];
}

/** The equation in its canonical spelling, an ellipsis where axes are labelled so. */
export function formatEquation(e: Equation): string {
  const term = (labels: readonly string[]): string => labels.join("").replace(/(\.\d+)+/, "...");
  return `${e.operands.map(term).join(",")}->${term(e.result)}`;
}

/** The extent of each label; an extent of one stretches. */
function labelExtents(e: Equation, shapes: readonly (readonly Dim[])[]): Map<string, Dim> {
  const extents = new Map<string, Dim>();
  e.operands.forEach((labels, i) => {
    labels.forEach((label, d) => {
      const [known, extent] = [extents.get(label) ?? 1, shapes[i]![d]!];
      const common = known === 1 ? extent : extent === 1 ? known : commonExtent(known, extent);
      if (common === undefined) throw new OpError(`axes '${label}' of equation '${formatEquation(e)}' differ in extent`);
      extents.set(label, common);
    });
  });
  return extents;
}

export const Einsum = defineOp({
  name: "einsum",
  summary:
    "Product of the operands, each element at the indices its term of the equation names, summed over every index that the result does not name (numpy's einsum, ellipsis and repeated indices included).",
  operands: { xs: variadicOperand },
  attributes: { equation: text() },
  infer({ xs }, { equation }) {
    const [first] = xs;
    if (!first) throw new OpError("einsum has no operand", "bad-operand");
    const other = xs.find((x) => x.dtype !== first.dtype);
    if (other) throw new OpError(`cannot multiply ${formatType(first)} by ${formatType(other)}`);
    const e = parseEquation(
      equation,
      xs.map((x) => x.shape.length),
    );
    const extents = labelExtents(
      e,
      xs.map((x) => x.shape),
    );
    return tensor(
      first.dtype,
      e.result.map((l) => extents.get(l)!),
    );
  },
  compute({ operands: { xs }, attributes: { equation }, results: [y] }) {
    const shapes = xs.map((x) => x.shape);
    const e = parseEquation(
      equation,
      shapes.map((s) => s.length),
    );
    const extents = labelExtents(e, shapes);
    const summed = [...extents.keys()].filter((l) => !e.result.includes(l));
    const product = (at: readonly Dim[], r: readonly Dim[]): Expr => {
      const indices = new Map([...e.result.map((l, d) => [l, at[d]!] as const), ...summed.map((l, d) => [l, r[d]!] as const)]);
      return xs.map((x, i) => labelledLoad(x, e.operands[i]!, indices)).reduce(mul);
    };
    if (summed.length === 0) return [pointwise(y!, (at) => product(at, []))];
    return [
      reduction(
        y!,
        summed.map((l) => extents.get(l)!),
        (at, r) => sum(product(at, r)),
      ),
    ];
  },
});

const labelledLoad = (x: Buffer, labels: readonly string[], indices: ReadonlyMap<string, Dim>): Expr =>
  load(
    x,
    labels.map((l, d) => (x.shape[d] === 1 ? 0 : indices.get(l)!)),
  );
