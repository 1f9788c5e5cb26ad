/**
 * Damaged files, made from valid ones in a fixed order: truncation, flipped bits, lying lengths, lost and repeated pieces.
 *
 * Whatever reads them must give a `CompileError` or a result each time, soon and in little memory.
 */
import { CompileError } from "../ir/diagnostic.ts";

export interface Mutation {
  readonly description: string;
  readonly bytes: Uint8Array;
}

/** A generator of integers in [0, bound), the same for the same seed (mulberry32). */
export function randomIntegers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * bound);
  };
}

type Random = (bound: number) => number;
type Mutator = (bytes: Uint8Array, random: Random) => Mutation;

const truncate: Mutator = (bytes, random) => {
  const length = random(bytes.length);
  return { description: `cut to ${length} bytes`, bytes: bytes.slice(0, length) };
};

const flipBits: Mutator = (bytes, random) => {
  const result = bytes.slice();
  const places = Array.from({ length: 1 + random(8) }, () => [random(bytes.length), random(8)] as const);
  for (const [at, bit] of places) result[at] = (result[at] as number) ^ (1 << bit);
  return { description: `bits flipped: ${places.map(([at, bit]) => `${at}.${bit}`).join(" ")}`, bytes: result };
};

const setByte: Mutator = (bytes, random) => {
  const result = bytes.slice();
  const at = random(bytes.length);
  const value = [0, 0x7f, 0x80, 0xff, random(256)][random(5)] as number;
  result[at] = value;
  return { description: `byte ${at} set to ${value}`, bytes: result };
};

/** Replaces the length of some field, at any depth, by another. */
const lieAboutLength: Mutator = (bytes, random) => {
  const at = randomLength(bytes, random);
  if (at === undefined) return setByte(bytes, random);
  const lengths = [0, at.value + 1, at.value - 1, at.value * 2, bytes.length, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53, 2 ** 64];
  const value = Math.max(0, lengths[random(lengths.length)] as number);
  return {
    description: `the length ${at.value} at byte ${at.start} is ${value}`,
    bytes: replace(bytes, at.start, at.end, encodeVarint(value)),
  };
};

const removePiece: Mutator = (bytes, random) => {
  const start = random(bytes.length);
  const end = Math.min(bytes.length, start + 1 + random(64));
  return { description: `bytes ${start} to ${end} removed`, bytes: replace(bytes, start, end, []) };
};

const repeatPiece: Mutator = (bytes, random) => {
  const start = random(bytes.length);
  const end = Math.min(bytes.length, start + 1 + random(256));
  const to = random(bytes.length);
  return { description: `bytes ${start} to ${end} repeated at ${to}`, bytes: replace(bytes, to, to, bytes.slice(start, end)) };
};

const insertNoise: Mutator = (bytes, random) => {
  const at = random(bytes.length);
  const noise = Array.from({ length: 1 + random(16) }, () => random(256));
  return { description: `${noise.join(" ")} put in at byte ${at}`, bytes: replace(bytes, at, at, noise) };
};

/** Half of the mutations keep the structure, so that damage reaches past the reader. */
const mutators: readonly Mutator[] = [
  truncate,
  flipBits,
  flipBits,
  setByte,
  setByte,
  lieAboutLength,
  lieAboutLength,
  removePiece,
  repeatPiece,
  insertNoise,
];

/** `count` mutations of `bytes`, which are not changed. */
export function* mutationsOf(bytes: Uint8Array, count: number, seed: number): Generator<Mutation> {
  const random = randomIntegers(seed);
  for (let i = 0; i < count; i++) yield (mutators[random(mutators.length)] as Mutator)(bytes, random);
}

function replace(bytes: Uint8Array, start: number, end: number, by: ArrayLike<number>): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - start) + by.length);
  result.set(bytes.subarray(0, start));
  result.set(by, start);
  result.set(bytes.subarray(end), start + by.length);
  return result;
}

function encodeVarint(value: number): number[] {
  const result: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n && result.length < 9; rest >>= 7n) result.push(Number(rest & 127n) | 128);
  return [...result, Number(rest & 127n)];
}

interface Varint {
  readonly start: number;
  readonly end: number;
  readonly value: number;
}

function varintAt(bytes: Uint8Array, start: number, limit: number): Varint | undefined {
  let value = 0;
  for (let at = start; at < limit && at < start + 8; at++) {
    const b = bytes[at] as number;
    value += (b & 127) * 2 ** (7 * (at - start));
    if (b < 128) return { start, end: at + 1, value };
  }
  return undefined;
}

/** The lengths of the length-delimited fields of the message in [start, limit); undefined where that is no message. */
function lengthsIn(bytes: Uint8Array, start: number, limit: number): Varint[] | undefined {
  const lengths: Varint[] = [];
  for (let at = start; at < limit;) {
    const tag = varintAt(bytes, at, limit);
    const next = tag === undefined || tag.value < 8 ? undefined : varintAt(bytes, tag.end, limit);
    const wire = (tag?.value ?? 0) & 7;
    if (tag === undefined || (next === undefined && wire !== 1 && wire !== 5)) return undefined;
    if (wire === 2) lengths.push(next as Varint);
    at =
      wire === 0
        ? (next as Varint).end
        : wire === 1
          ? tag.end + 8
          : wire === 5
            ? tag.end + 4
            : (next as Varint).end + (next as Varint).value;
    if (at > limit || ![0, 1, 2, 5].includes(wire)) return undefined;
  }
  return lengths;
}

function randomLength(bytes: Uint8Array, random: Random): Varint | undefined {
  let found: Varint | undefined;
  for (let inside = lengthsIn(bytes, 0, bytes.length); inside !== undefined && inside.length > 0;) {
    const chosen = inside[random(inside.length)] as Varint;
    found = chosen;
    if (random(4) === 0) break;
    inside = lengthsIn(bytes, chosen.end, chosen.end + chosen.value);
  }
  return found;
}

export interface MutationReport {
  tried: number;
  accepted: number;
  refused: number;
  slowestMs: number;
  /** Growth of the resident memory at its highest, in bytes. */
  peakBytes: number;
  /** Everything that must not be: other exceptions than `CompileError`, and attempts of over five seconds. */
  readonly failures: string[];
}

const slowMs = 5000;

/**
 * Gives `count` mutations of `files` in turn to `attempt`, which reads them and throws a `CompileError` where it refuses.
 */
export function tryMutations(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  count: number,
  seed: number,
  attempt: (name: string, bytes: Uint8Array) => void,
): MutationReport {
  const report: MutationReport = { tried: 0, accepted: 0, refused: 0, slowestMs: 0, peakBytes: 0, failures: [] };
  const before = process.memoryUsage.rss();
  files.forEach(({ name, bytes }, n) => {
    for (const mutation of mutationsOf(bytes, Math.ceil(count / files.length), seed + n)) {
      tryOne(report, `${name}, ${mutation.description}`, () => attempt(name, mutation.bytes));
      report.peakBytes = Math.max(report.peakBytes, process.memoryUsage.rss() - before);
    }
  });
  return report;
}

function tryOne(report: MutationReport, what: string, attempt: () => void): void {
  const start = performance.now();
  report.tried++;
  try {
    attempt();
    report.accepted++;
  } catch (e) {
    if (e instanceof CompileError) report.refused++;
    else report.failures.push(`${what}: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`);
  }
  const took = performance.now() - start;
  report.slowestMs = Math.max(report.slowestMs, took);
  if (took > slowMs) report.failures.push(`${what}: took ${Math.round(took)} ms`);
}
