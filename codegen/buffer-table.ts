/** The buffers of a program while it is built: which value has which, which of them are one memory, which have an index. */
import type { Dim } from "../ir/dim.ts";
import { type Buffer, makeBuffer } from "../ir/expr.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { type View, viewOf } from "../ir/view.ts";
import type { UnplacedBuffer } from "./plan-memory.ts";
import type { BufferIndex, Storage } from "./program.ts";

/** The values' own names where they have one that no value before has. */
export function uniqueNames(values: readonly Value[], kind: string): string[] {
  const taken = new Set<string>();
  return values.map((v, i) => {
    const own = v.name || `${kind}_${i}`;
    let name = own;
    for (let n = 1; taken.has(name); n++) name = `${own}_${n}`;
    taken.add(name);
    return name;
  });
}

export class BufferTable {
  private readonly byValue = new Map<Value, Buffer>();
  private readonly renamed = new Map<Buffer, Buffer>();
  private readonly computedIn = new Map<Buffer, Graph>();
  private readonly indices = new Map<Buffer, BufferIndex>();
  private readonly indexed: { readonly buffer: Buffer; readonly storage: Storage | undefined }[] = [];

  /** A new buffer for the value. */
  create(v: Value): Buffer {
    const b = makeBuffer(v.name, v.tensor.dtype, v.tensor.shape);
    this.byValue.set(v, b);
    if (v.op?.graph) this.computedIn.set(b, v.op.graph);
    return b;
  }

  /** Lets the value have a buffer that is there already. */
  set(v: Value, b: Buffer): void {
    this.byValue.set(v, b);
  }

  of(v: Value): Buffer {
    const known = this.byValue.get(v);
    if (!known) throw new Error(`value '${v.name}' has no buffer`);
    return known;
  }

  /** Makes `from` another name of `to`'s memory, perhaps under another shape. */
  rename(from: Buffer, to: Buffer): void {
    this.renamed.set(from, to);
  }

  /** Every buffer that is another's memory, and that other one. */
  get renamings(): Iterable<readonly [Buffer, Buffer]> {
    return this.renamed;
  }

  /** The buffer whose memory it is. */
  rootOf(b: Buffer): Buffer {
    const to = this.renamed.get(b);
    return to ? this.rootOf(to) : b;
  }

  view(b: Buffer): View {
    return { ...viewOf(b), root: this.rootOf(b) };
  }

  /** Whether an op of this very graph computes it. */
  isComputedIn(b: Buffer, graph: Graph): boolean {
    return this.computedIn.get(b) === graph;
  }

  /** Whether steps name it already. */
  isIndexed(b: Buffer): boolean {
    return this.indices.has(b);
  }

  /** The index by which steps name the buffer's memory. */
  indexOf(b: Buffer, storage?: Storage): BufferIndex {
    const root = this.rootOf(b);
    const known = this.indices.get(root);
    if (known !== undefined) return known;
    this.indices.set(root, this.indexed.length);
    return this.indexed.push({ buffer: root, storage }) - 1;
  }

  /** Every buffer that has an index, in order; `capacity` gives the elements that a shape can have. */
  placed(capacity: (shape: readonly Dim[]) => Dim): UnplacedBuffer[] {
    return this.indexed.map(({ buffer: { name, dtype, shape }, storage }) => ({
      name,
      dtype,
      shape,
      capacity: capacity(shape),
      ...(storage && { storage }),
    }));
  }
}
