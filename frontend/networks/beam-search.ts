/**
 * Beam search, as MindSpore's Transformer and MASS unroll it: the best `beams` continuations are kept step by step, each
 * step sees whole prefixes. There are no divisions in it: which beam a candidate comes from is counted.
 */
import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, cast, concat, reshape, shapeOf } from "./layers.ts";
import { constant, equal, expandDims, filled, formula, gatherNd, greaterEqual, slice, topK, where } from "./tensors.ts";

const startToken = 1;
const endToken = 2;
const never = -1e9;

export interface BeamSearch {
  readonly batch: number;
  readonly beams: number;
  readonly steps: number;
  /** The logarithms of the next token's probabilities, `f32[batch * beams, vocabulary]`, of prefixes `i32[batch * beams, length]`. */
  readonly next: (prefixes: Value) => Value;
}

/** All begin with `[batch, beams]`. */
interface Beams {
  /** `i32[..., length]`, the start first. */
  readonly tokens: Value;
  /** The tokens' logarithms of probabilities: `f32[..., length]`. */
  readonly tokenScores: Value;
  readonly scores: Value;
  readonly lengths: Value;
  readonly isDone: Value;
}

export interface Found {
  /** The best one of each batch: `i32[batch, 1, steps + 1]`. */
  readonly best: Value;
  /** Of all beams, in no order: `f32[batch, beams, steps + 1]`. */
  readonly tokenScores: Value;
}

export function beamSearch(c: Cell, search: BeamSearch): Found {
  let beams = firstBeams(c, search);
  for (let k = 0; k < search.steps; k++) beams = step(c, search, beams);
  const { batch } = search;
  const [, order] = topK(c, formula(c).div(beams.scores, lengthPenalty(c, beams.lengths)), search.beams);
  return {
    best: slice(c, pick(c, search, order)(beams.tokens), [batch, 1, search.steps + 1]),
    tokenScores: beams.tokenScores,
  };
}

/** Before the first step all beams are the same: all but one of them are ruled out. */
function firstBeams(c: Cell, { batch, beams }: BeamSearch): Beams {
  const shape = [batch, beams];
  const scores = Array.from({ length: batch * beams }, (_, i) => (i % beams === 0 ? 0 : never));
  return {
    tokens: filled(c, "i32", [...shape, 1], startToken),
    tokenScores: filled(c, "f32", [...shape, 1], 0),
    scores: constant(c, "f32", shape, scores),
    lengths: filled(c, "i32", shape, 0),
    isDone: filled(c, "bool", shape, 0),
  };
}

/** Slices `x[b, indices[b, ...]]`, whose first axes are those of `indices[batch, beams]`, or of several such index tensors. */
const pick = (c: Cell, { batch, beams }: BeamSearch, ...indices: readonly Value[]): ((x: Value) => Value) => {
  const batches = Array.from({ length: batch * beams }, (_, i) => Math.floor(i / beams));
  const first = constant(c, "i32", [batch, beams, 1], batches);
  const vectors = concat(c, [first, ...indices.map((i) => expandDims(c, i, -1))], 2);
  return (x) => gatherNd(c, x, vectors);
};

const append = (c: Cell, list: Value, x: Value): Value => concat(c, [list, expandDims(c, x, -1)], 2);

function step(c: Cell, search: BeamSearch, from: Beams): Beams {
  const { batch, beams } = search;
  const f = formula(c);
  const everywhere = (dtype: "i32" | "f32", value: number): Value => filled(c, dtype, [batch, beams], value);
  const found = candidates(c, search, from);
  const ownBeam = constant(
    c,
    "i32",
    [batch, beams],
    Array.from({ length: batch * beams }, (_, i) => i % beams),
  );
  const kept = (done: Value, x: Value): Value => where(c, from.isDone, done, x);
  const beam = kept(ownBeam, found.beam);
  const token = kept(everywhere("i32", endToken), found.token);
  const score = kept(from.scores, found.score);
  const tokenScore = kept(everywhere("f32", never), found.tokenScore);
  const isEnd = equal(c, token, everywhere("i32", endToken));
  const [, order] = topK(c, where(c, isEnd, everywhere("f32", never), score), beams);
  const ordered = pick(c, search, order);
  const origin = pick(c, search, ordered(beam));
  const next = ordered(token);
  return {
    tokens: append(c, origin(from.tokens), next),
    tokenScores: append(c, origin(from.tokenScores), ordered(tokenScore)),
    scores: ordered(score),
    lengths: origin(kept(from.lengths, f.add(from.lengths, 1))),
    isDone: equal(c, next, everywhere("i32", endToken)),
  };
}

/** The best continuations over all beams of a batch, those that are done left out; all `[batch, beams]`. */
interface Candidates {
  readonly beam: Value;
  readonly token: Value;
  readonly score: Value;
  readonly tokenScore: Value;
}

function candidates(c: Cell, search: BeamSearch, { tokens, scores, isDone }: Beams): Candidates {
  const { batch, beams } = search;
  const f = formula(c);
  const all = search.next(reshape(c, tokens, [batch * beams, shapeOf(tokens)[2]!]));
  const vocabulary = shapeOf(all)[1]!;
  const next = reshape(c, all, [batch, beams, vocabulary]);
  const ruledOut = where(c, isDone, filled(c, "f32", [batch, beams], never), filled(c, "f32", [batch, beams], 0));
  const total = add(c, add(c, next, expandDims(c, scores, -1)), expandDims(c, ruledOut, -1));
  const [score, place] = topK(c, reshape(c, total, [batch, beams * vocabulary]), beams);
  const beam = rowOf(c, place, vocabulary, beams);
  const token = f.sub(place, f.mul(beam, vocabulary));
  return { beam, token, score, tokenScore: pick(c, search, beam, token)(next) };
}

/** The quotient of `place` by `width`, which is less than `rows`: how often the width can be taken from it. */
function rowOf(c: Cell, place: Value, width: number, rows: number): Value {
  const f = formula(c);
  let row = filled(c, "i32", shapeOf(place), 0);
  let rest = place;
  for (let k = 1; k < rows; k++) {
    rest = f.sub(rest, width);
    row = add(c, row, cast(c, greaterEqual(c, rest, filled(c, "i32", [], 0)), "i32"));
  }
  return row;
}

/** Of Wu et al., Google's Neural Machine Translation System (2016), with the exponent 1. */
const lengthPenalty = (c: Cell, lengths: Value): Value => {
  const f = formula(c);
  return f.pow(f.div(f.add(cast(c, lengths, "f32"), 5), 6), 1);
};
