/** Sizes that depend on extents, as C expressions over the array `e`; sums and products saturate. */
import type { Atom, Dim } from "../../ir/dim.ts";
import { integerText } from "./types.ts";

/** `d` in C; `indexOf` gives an extent's place in `e`. */
export function sizeText(d: Dim, indexOf: (name: string) => number): string {
  const atom = (a: Atom): string => {
    switch (a.kind) {
      case "extent":
        return `e[${indexOf(a.name)}]`;
      case "floordiv":
      case "mod":
      case "min":
      case "max":
        return `sinter_${a.kind}(${sizeText(a.a, indexOf)}, ${sizeText(a.b, indexOf)})`;
      default:
        throw new Error(`a size depends on a ${a.kind}`);
    }
  };
  if (typeof d === "number") return integerText(d);
  const terms = d.terms.map((t) => {
    const factors = [...t.atoms.map(atom), ...(t.coefficient === 1 && t.atoms.length > 0 ? [] : [integerText(t.coefficient)])];
    return factors.reduce((a, b) => `sinter_mul(${a}, ${b})`);
  });
  return terms.reduce((a, b) => `sinter_add(${a}, ${b})`);
}

/** A function of a number and the extents, with one case per number that has a value of its own. */
export function sizeFunction(name: string, index: string, cases: ReadonlyMap<number, string>): string {
  const body = [...cases].map(([i, text]) => `    case ${i}: return ${text};`);
  const unused = [...cases.values()].some((t) => t.includes("e[")) ? [] : ["  (void)e;"];
  if (cases.size === 0)
    return [`static int64_t ${name}(int ${index}, const int64_t *e) {`, `  (void)${index};`, ...unused, "  return 0;", "}"].join("\n");
  return [
    `static int64_t ${name}(int ${index}, const int64_t *e) {`,
    ...unused,
    `  switch (${index}) {`,
    ...body,
    "    default: return 0;",
    "  }",
    "}",
  ].join("\n");
}
