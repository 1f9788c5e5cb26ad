/**
 * Where each buffer of a program lives. Buffers of static size share slot 0 at packed offsets; buffers of dynamic size
 * get slots that are reused once their last reader ran. `checkPlan` proves a plan independently.
 */
import { type Dim, max, mul } from "../ir/dim.ts";
import { byteSize } from "../ir/type.ts";
import type { BufferIndex, ProgramBuffer, Step, Storage } from "./program.ts";

/** A buffer that still needs a place when it has no storage. */
export type UnplacedBuffer = Omit<ProgramBuffer, "storage"> & { readonly storage?: Storage };

/** First and last position at which a buffer holds something, in depth-first order of steps. */
export interface Lifetime {
  first: number;
  last: number;
}

const alignment = 64;
const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Buffers that a step names itself, without those of the steps inside it. */
export function buffersOf(s: Step): readonly BufferIndex[] {
  switch (s.kind) {
    case "run":
      return s.args;
    case "copy":
      return [s.from, s.to, ...(s.iteration === undefined ? [] : [s.iteration])];
    case "if":
      return [s.condition];
    case "loop":
      return [s.iteration, s.limit, s.condition].filter((b) => b !== undefined);
    case "extent":
      return [s.from];
  }
}

/**
 * What a loop touches that was touched before it lives to the loop's end, as does what its body reads before writing;
 * to be safe every buffer that stands in a loop and outside of it, or is carried around, spans the loop.
 */
export function lifetimes(steps: readonly Step[]): Map<BufferIndex, Lifetime> {
  const found = new Map<BufferIndex, Lifetime>();
  const loops: Lifetime[] = [];
  let position = 0;
  const touch = (b: BufferIndex, at: number): void => {
    const known = found.get(b);
    if (known) known.last = Math.max(known.last, at);
    else found.set(b, { first: at, last: at });
  };
  const walk = (list: readonly Step[]): Set<BufferIndex> => {
    const touched = new Set<BufferIndex>();
    for (const s of list) {
      const start = position++;
      for (const b of buffersOf(s)) {
        touch(b, start);
        touched.add(b);
      }
      const inner = s.kind === "if" ? [s.then, s.else] : s.kind === "loop" ? [s.steps] : [];
      const before = s.kind === "loop" ? new Set(found.keys()) : undefined;
      const within = new Set(inner.flatMap((x) => [...walk(x)]));
      const end = position++;
      for (const b of within) {
        touched.add(b);
        if (before?.has(b)) touch(b, end);
      }
      if (s.kind !== "loop") continue;
      for (const b of buffersOf(s)) touch(b, end);
      loops.push({ first: start, last: end });
    }
    return touched;
  };
  walk(steps);
  // What one iteration leaves for after the loop must survive the iterations that follow.
  for (const loop of loops) {
    for (const life of found.values()) {
      if (life.first > loop.first && life.first < loop.last && life.last > loop.last) life.first = loop.first;
    }
  }
  return found;
}

interface Placed {
  readonly bytes: number;
  readonly life: Lifetime;
  offset: number;
}

const overlaps = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last;

/** How many stretches the time of a program is cut into. */
const stretchCount = 256;

/** Blocks by the stretches of time in which they live, so that those in a block's way are found without looking at all. */
class Timeline {
  private readonly stretches: Placed[][] = Array.from({ length: stretchCount }, () => []);

  /** `end`: no block lives longer. */
  constructor(private readonly end: number) {}

  private during({ first, last }: Lifetime): Placed[][] {
    const stretchOf = (at: number): number => Math.floor((at * stretchCount) / (this.end + 1));
    return this.stretches.slice(stretchOf(first), stretchOf(last) + 1);
  }

  add(block: Placed): void {
    for (const stretch of this.during(block.life)) stretch.push(block);
  }

  /** Those that live when `life` is, lowest first. */
  alive(life: Lifetime): Placed[] {
    const found = new Set<Placed>();
    for (const stretch of this.during(life)) for (const p of stretch) if (overlaps(p.life, life)) found.add(p);
    return [...found].sort((a, b) => a.offset - b.offset);
  }
}

/** Lowest offset at which nothing placed is in the way. */
function place(bytes: number, busy: readonly Placed[]): number {
  let offset = 0;
  for (const p of busy) {
    if (offset + bytes <= p.offset) break;
    offset = Math.max(offset, p.offset + p.bytes);
  }
  return offset;
}

type Order = (a: Placed, b: Placed) => number;
const orders: readonly Order[] = [
  (a, b) => b.bytes - a.bytes || a.life.first - b.life.first,
  (a, b) => b.bytes * (b.life.last - b.life.first + 1) - a.bytes * (a.life.last - a.life.first + 1) || a.life.first - b.life.first,
  (a, b) => a.life.first - b.life.first || b.bytes - a.bytes,
];

/** Several greedy orders tried, the smallest arena kept. */
function packStatic(blocks: readonly Omit<Placed, "offset">[]): { offsets: number[]; bytes: number } {
  let best: { offsets: number[]; bytes: number } | undefined;
  const end = blocks.reduce((last, b) => Math.max(last, b.life.last), 0);
  for (const order of orders) {
    const all: Placed[] = blocks.map((b) => ({ ...b, offset: 0 }));
    const placed = new Timeline(end);
    for (const b of [...all].sort(order)) {
      b.offset = place(b.bytes, placed.alive(b.life));
      placed.add(b);
    }
    const bytes = all.reduce((top, b) => Math.max(top, b.offset + b.bytes), 0);
    if (!best || bytes < best.bytes) best = { offsets: all.map((b) => b.offset), bytes };
  }
  return best!;
}

/** Gives every buffer without storage a place in the arena. */
export function planMemory(buffers: readonly UnplacedBuffer[], steps: readonly Step[]): { buffers: ProgramBuffer[]; slots: Dim[] } {
  const lives = lifetimes(steps);
  const never: Lifetime = { first: 0, last: 0 };
  const open = [...buffers.keys()].filter((i) => !buffers[i]!.storage);
  const sizeOf = (i: number): Dim => mul(buffers[i]!.capacity, byteSize(buffers[i]!.dtype));
  const fixed = open.filter((i) => typeof sizeOf(i) === "number");
  const packed = packStatic(fixed.map((i) => ({ bytes: align(sizeOf(i) as number), life: lives.get(i) ?? never })));
  const storage = new Map<number, Storage>(fixed.map((i, k) => [i, { kind: "arena", slot: 0, offset: packed.offsets[k]! }]));
  const slots: Dim[] = [packed.bytes];
  const free: { slot: number; until: number }[] = [];
  const dynamic = open
    .filter((i) => typeof sizeOf(i) !== "number")
    .sort((a, b) => (lives.get(a) ?? never).first - (lives.get(b) ?? never).first);
  for (const i of dynamic) {
    const life = lives.get(i) ?? never;
    const reuse = free.find((f) => f.until < life.first) ?? { slot: slots.push(0) - 1, until: 0 };
    if (!free.includes(reuse)) free.push(reuse);
    reuse.until = life.last;
    slots[reuse.slot] = max(slots[reuse.slot]!, sizeOf(i));
    storage.set(i, { kind: "arena", slot: reuse.slot, offset: 0 });
  }
  return { buffers: buffers.map((b, i) => ({ ...b, storage: b.storage ?? storage.get(i)! })), slots };
}

/** Pairs of buffers that share memory while both are alive; empty for a right plan. Compares all pairs, on purpose simple. */
export function checkPlan(buffers: readonly ProgramBuffer[], steps: readonly Step[]): (readonly [BufferIndex, BufferIndex])[] {
  const lives = lifetimes(steps);
  const wrong: (readonly [BufferIndex, BufferIndex])[] = [];
  for (const [i, a] of buffers.entries()) {
    for (const [j, b] of buffers.entries()) {
      if (j <= i || a.storage.kind !== "arena" || b.storage.kind !== "arena" || a.storage.slot !== b.storage.slot) continue;
      const [x, y] = [lives.get(i), lives.get(j)];
      if (!x || !y || !overlaps(x, y)) continue;
      const [sizeA, sizeB] = [a, b].map((p) => (typeof p.capacity === "number" ? p.capacity * byteSize(p.dtype) : Infinity)) as [
        number,
        number,
      ];
      if (sizeA === 0 || sizeB === 0) continue;
      if (a.storage.offset < b.storage.offset + sizeB && b.storage.offset < a.storage.offset + sizeA) wrong.push([i, j]);
    }
  }
  return wrong;
}
