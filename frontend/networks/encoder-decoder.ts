/** Models that read one sequence and write another token by token: what Transformer and MASS share around their layers. */
import type { Value } from "../../ir/graph.ts";
import { Expand } from "../../ir/ops/shape.ts";
import { LogSoftmax } from "../../ir/ops/softmax.ts";
import { additiveMask, embed, expectEvenHeads, mutuallyVisible, sinusoids } from "./attention.ts";
import { beamSearch, type Found } from "./beam-search.ts";
import type { Cell } from "./cell.ts";
import { add, cast, mul, reshape, shapeOf } from "./layers.ts";
import { count } from "./network.ts";
import { constant, expandDims, filled, formula, matmul, slice, tile } from "./tensors.ts";

interface Defaults {
  readonly sequence: number;
  readonly vocabulary: number;
  readonly heads: number;
  readonly steps: number;
  readonly positions: number;
}

export const translationOptions = (d: Defaults) => ({
  batch: count(1, "sequences"),
  sequence: count(d.sequence, "tokens of a sequence that is read"),
  vocabulary: count(d.vocabulary, "tokens that there are; 1 starts a sequence, 2 ends it", 3),
  positions: count(d.positions, "places that are told apart, at least those of a sequence that is read or written"),
  hidden: count(1024, "hidden units"),
  layers: count(6, "layers of the encoder, and of the decoder"),
  heads: count(d.heads, "heads of attention, which share the hidden units"),
  intermediate: count(4096, "units between the halves of a layer"),
  beams: count(4, "sequences that are followed at a time"),
  decode_length: count(d.steps, "tokens that are written"),
});

export type TranslationOptions = Readonly<Record<keyof ReturnType<typeof translationOptions>, number>>;

/** Sequences as the layers take them: rows `f16[batch * length, hidden]` or `f16[batch, length, hidden]`. */
export interface Layers {
  /** `f32[vocabulary, hidden]`. */
  readonly table: Value;
  /** Of `x[batch, length, hidden]`, the same shape; the mask is added to scores. */
  readonly encode: (x: Value, mask: Value) => Value;
  /** Of `x[batch * beams, length, hidden]`, which sees itself and rows `memory[batch * beams * sequence, hidden]`. */
  readonly decode: (x: Value, mask: Value, memory: Value, memoryMask: Value) => Value;
}

function checkOptions(network: string, o: TranslationOptions): void {
  expectEvenHeads(network, o);
  if (o.hidden % 2 !== 0) throw new RangeError(`the option 'hidden' of '${network}' is ${o.hidden}, which is odd`);
  for (const name of ["sequence", "decode_length"] as const)
    if (o[name] > o.positions)
      throw new RangeError(`the option '${name}' of '${network}' is ${o[name]}, more than the ${o.positions} positions`);
}

/** Of inputs `i32[batch, sequence]`: tokens, and 1 where there is one. */
export function translate(c: Cell, network: string, o: TranslationOptions, layersOf: () => Layers): Found {
  checkOptions(network, o);
  const ids = c.input("source_ids", "i32", [o.batch, o.sequence]);
  const present = cast(c, c.input("source_mask", "i32", [o.batch, o.sequence]), "f32");
  const layers = layersOf();
  const places = sinusoids(c, o.positions, o.hidden);
  const embedded = (tokens: Value): Value => embedAtPlaces(c, layers.table, places, tokens);
  const visible = mutuallyVisible(c, present);
  const encoded = layers.encode(embedded(ids), additiveMask(c, cast(c, visible, "f16"), "f16"));
  const rows = o.batch * o.beams;
  const memory = reshape(c, forBeams(c, encoded, o), [rows * o.sequence, o.hidden]);
  const seen = mul(c, slice(c, visible, [o.batch, 1, o.sequence]), filled(c, "f32", [o.batch, o.decode_length, 1], 1));
  const memoryVisible = cast(c, forBeams(c, seen, o), "f16");
  const past = pastVisible(c, o.decode_length);
  const next = (prefixes: Value): Value => {
    const [, length] = shapeOf(prefixes) as [number, number];
    const mask = mul(c, mutuallyVisible(c, ones(c, prefixes)), expandDims(c, slice(c, past, [length, length]), 0));
    const memoryMask = additiveMask(c, slice(c, memoryVisible, [rows, length, o.sequence]), "f16");
    const y = layers.decode(embedded(prefixes), additiveMask(c, cast(c, mask, "f16"), "f16"), memory, memoryMask);
    const last = reshape(c, slice(c, y, [rows, 1, o.hidden], [0, length - 1, 0]), [rows, o.hidden]);
    return logProbabilities(c, last, layers.table);
  };
  return beamSearch(c, { batch: o.batch, beams: o.beams, steps: o.decode_length, next });
}

/** `f16[batch, length, hidden]` of `tokens[batch, length]`. */
function embedAtPlaces(c: Cell, table: Value, places: Value, tokens: Value): Value {
  const [, hidden] = shapeOf(table) as [number, number];
  const scaled = formula(c).mul(embed(c, table, tokens), Math.sqrt(hidden));
  return cast(c, add(c, scaled, expandDims(c, slice(c, places, [shapeOf(tokens)[1]!, hidden]), 0)), "f16");
}

/** `x[batch, m, n]` once for each beam: `[batch * beams, m, n]`. */
function forBeams(c: Cell, x: Value, { batch, beams }: TranslationOptions): Value {
  return reshape(c, tile(c, expandDims(c, x, 1), [1, beams, 1, 1]), [batch * beams, ...shapeOf(x).slice(1)]);
}

/** 1 where a token stands at or before the row's: `f32[n, n]`. */
const pastVisible = (c: Cell, n: number): Value =>
  constant(
    c,
    "f32",
    [n, n],
    Array.from({ length: n * n }, (_, i) => (i % n <= Math.floor(i / n) ? 1 : 0)),
  );

/** f32 ones of the shape of `x`, which holds i32. */
const ones = (c: Cell, x: Value): Value => cast(c, c.create(Expand, { x: filled(c, "i32", [], 1) }, { shape: x.tensor.shape }), "f32");

/** Of rows `x[rows, hidden]`: `f32[rows, vocabulary]`. */
const logProbabilities = (c: Cell, x: Value, table: Value): Value => {
  const products = matmul(c, x, cast(c, table, "f16"), { transposeB: true });
  return c.create(LogSoftmax, { x: cast(c, products, "f32") }, { axes: [-1] });
};
