/** The named extents of a program while it is built: where their values come from, how large they can be. */
import type { ProducedExtent } from "../ir/define.ts";
import { type Atom, asAtom, type Dim, extent, product } from "../ir/dim.ts";
import { atomsIn, substituteDim } from "../ir/dim-atoms.ts";
import type { TensorType } from "../ir/type.ts";
import type { ExtentIndex, ProgramExtent } from "./program.ts";

export class ExtentTable {
  readonly list: ProgramExtent[] = [];
  private readonly indices = new Map<string, ExtentIndex>();
  private readonly capacities = new Map<Atom, Dim>();

  /** Extents that are an axis of an input as they stand. */
  collect(type: TensorType, input: number): void {
    type.shape.forEach((d, axis) => {
      const atom = asAtom(d);
      if (atom?.kind === "extent" && !this.indices.has(atom.name)) this.add({ name: atom.name, input: { index: input, axis } });
    });
  }

  /** An extent that a step gives its value. */
  addProduced({ name, capacity }: ProducedExtent): void {
    this.add({ name, capacity });
    this.capacities.set(asAtom(extent(name))!, capacity);
  }

  private add(e: ProgramExtent): void {
    this.indices.set(e.name, this.list.length);
    this.list.push(e);
  }

  indexOf(name: string): ExtentIndex {
    const known = this.indices.get(name);
    if (known === undefined) throw new Error(`extent '${name}' is given by no input and no op`);
    return known;
  }

  /** Elements of a shape, with produced extents at their most. */
  capacity(shape: readonly Dim[]): Dim {
    let size = product(shape);
    while ([...atomsIn(size)].some((a) => this.capacities.has(a))) size = substituteDim(size, this.capacities);
    return size;
  }
}
