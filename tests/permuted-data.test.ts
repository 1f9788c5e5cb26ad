/** Constants whose axes are put in order when they are read: every part of them, of elements of every size. */
import { expect } from "chai";
import { permutedData } from "../frontend/permuted-data.ts";
import { memoryData, readData } from "../ir/data.ts";

const shape = [2, 3, 4, 5];
const count = 120;

/** Element by element, from the indices of the result. */
function permuted(from: Uint8Array, perm: readonly number[], size: number): number[] {
  const to: number[] = [];
  for (let k = 0; k < count; k++) {
    const at = new Array<number>(4).fill(0);
    let rest = k;
    for (let axis = 3; axis >= 0; axis--) {
      at[perm[axis]!] = rest % shape[perm[axis]!]!;
      rest = Math.floor(rest / shape[perm[axis]!]!);
    }
    const element = at.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);
    to.push(...from.subarray(element * size, (element + 1) * size));
  }
  return to;
}

describe("permuted constants", () => {
  for (const size of [1, 2, 4, 8]) {
    it(`of ${size} bytes an element are read whole, in parts and from any address`, () => {
      const bytes = Uint8Array.from({ length: count * size + 1 }, (_, i) => (i * 37) % 251).subarray(1);
      for (const perm of [
        [0, 1, 2, 3],
        [0, 2, 3, 1],
        [3, 2, 1, 0],
        [1, 0, 3, 2],
      ]) {
        // The parts of a Node.js Buffer are views of it, whichever method gives them.
        const inBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        const data = permutedData(memoryData(perm[0] === 0 ? bytes : inBuffer), shape, perm, size);
        const wanted = permuted(bytes, perm, size);
        expect([...readData(data)], `axes ${perm.join()}`).to.deep.equal(wanted);
        for (const [at, length] of [
          [0, 1],
          [7 * size + 1, 9 * size],
          [count * size - 3, 3],
          [5, 0],
        ] as const) {
          const part = [...data.source.read(data.offset + at, length)];
          expect(part, `axes ${perm.join()}, ${length} bytes at ${at}`).to.deep.equal(wanted.slice(at, at + length));
        }
      }
    });
  }
});
