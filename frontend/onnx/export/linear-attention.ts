/** Attention by a state that decays, is corrected and written to, position after position: a scan. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { LinearAttention } from "../../../ir/ops/linear-attention.ts";
import type { OperandsFor } from "../../../ir/define.ts";
import { tensor } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { functionRow, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import type { Operand, Term } from "./term.ts";

type Operands = OperandsFor<typeof LinearAttention, Operand>;

/** `[b, t, heads * size]` as `[t, b, heads, size]`. */
function overTime(n: Body, x: Operand, heads: Dim): { readonly term: Term; readonly size: Dim } {
  const [batch, length, width] = x.shape as [Dim, Dim, Dim];
  const size = dim.exactDiv(width, heads)!;
  return { term: transposed(n, n.reshape(n.cast(x, "f32"), [batch, length, heads, size]), [1, 0, 2, 3]), size };
}

/** A gate `[b, t, 1]`, `[b, t, heads]` or `[b, t, heads * size]` as `[t, b, heads or 1, size or 1]`. */
const gate = (n: Body, x: Operand, heads: number): { readonly term: Term; readonly size: Dim } =>
  overTime(n, x, x.shape[2] === 1 ? 1 : heads);

function linearAttention(n: Body, o: Operands, qHeads: number, heads: number, scale: number | undefined): readonly Term[] {
  const [batch, length] = o.q.shape as [Dim, Dim];
  const [q, k, v] = [overTime(n, o.q, qHeads), overTime(n, o.k, heads), overTime(n, o.v, heads)];
  const [decay, beta] = [o.decay && gate(n, o.decay, heads), o.beta && gate(n, o.beta, heads)];
  const stateShape = [batch, heads, k.size, v.size];
  const body = n.inner();
  const input = (hint: string, shape: readonly Dim[]): Term => body.input(hint, tensor("f32", shape));
  let state = input("state", stateShape);
  const query = input("query", [batch, qHeads, q.size]);
  const [key, value] = [input("key", [batch, heads, k.size]), input("value", [batch, heads, v.size])];
  const [d, b] = [decay, beta].map(
    (g, i) => g && input(["decay", "beta"][i]!, [batch, i === 1 && o.beta!.shape[2] === 1 ? 1 : heads, g.size]),
  );
  const column = (t: Term): Term => body.op("Unsqueeze", [t, body.ints([3])]);
  const rowOf = (t: Term): Term => body.op("Unsqueeze", [t, body.ints([2])]);
  if (d) state = body.op("Mul", [state, body.op("Exp", [column(d)])]);
  const found = body.op("MatMul", [rowOf(key), state]);
  const written = b ? body.op("Mul", [rowOf(b), body.op("Sub", [rowOf(value), found])]) : rowOf(value);
  state = body.op("Add", [state, body.op("MatMul", [column(key), written])]);
  const groups = body.op("Reshape", [query, body.dims([batch, heads, qHeads / heads, q.size])]);
  const read = body.op("MatMul", [groups, state]);
  const factor = scale ?? 1 / Math.sqrt(Number(k.size));
  const y = body.op("Mul", [body.op("Reshape", [read, body.dims([batch, dim.mul(qHeads, v.size)])]), body.scalar("f32", factor)]);
  body.output(state, tensor("f32", stateShape));
  body.output(y, tensor("f32", [batch, dim.mul(qHeads, v.size)]));
  const start = o.past ? n.cast(o.past, "f32") : n.op("Expand", [n.scalar("f32", 0), n.dims(stateShape)]);
  const scanned = [q, k, v, decay, beta].flatMap((t) => (t ? [t.term] : []));
  const attributes = { body: { graph: body }, num_scan_inputs: scanned.length, scan_output_axes: [1] };
  const [last, ys] = n.ops("Scan", [start, ...scanned], attributes, { results: ["f32", "f32"] }) as [Term, Term];
  return [n.reshape(ys, [batch, length, dim.mul(qHeads, v.size)]), last];
}

export const linearAttentionRow: Row = functionRow(LinearAttention, (n, o, { q_heads, kv_heads, scale }) =>
  linearAttention(n, o, q_heads, kv_heads, scale === 0 ? undefined : scale),
);
