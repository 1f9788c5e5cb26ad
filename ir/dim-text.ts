/** Dims as text, as the textual form has them. */
import type { Atom, Dim, Term } from "./dim-types.ts";

/** `2*n+1`, `floordiv(h-3,2)`, `i0*4+i1`; names of extents that are not plain words are quoted. */
export function formatDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  return d.terms.map(formatTerm).reduce((sum, t) => (t.startsWith("-") ? sum + t : `${sum}+${t}`));
}

function formatTerm(t: Term): string {
  const factors = t.atoms.map(formatAtom).join("*");
  if (!factors) return String(t.coefficient);
  return t.coefficient === 1 ? factors : t.coefficient === -1 ? `-${factors}` : `${t.coefficient}*${factors}`;
}

function formatAtom(a: Atom): string {
  switch (a.kind) {
    case "extent":
      return /^[A-Za-z_][\w.]*$/.test(a.name) ? a.name : JSON.stringify(a.name);
    case "loop":
      return a.name;
    case "opaque":
      return `[${a.key}]`;
    default:
      return `${a.kind}(${formatDim(a.a)},${formatDim(a.b)})`;
  }
}
