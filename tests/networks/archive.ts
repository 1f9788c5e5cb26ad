/** NumPy's `.npz` archives of small arrays: zip files (PKWARE's APPNOTE) of `.npy` files. */
import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { type NpyArray, parseNpy } from "../../cli/npy.ts";

const entrySignature = 0x02014b50;
const endSignature = 0x06054b50;

/** The arrays by name. */
export function readArchive(path: string): Map<string, NpyArray> {
  const file = readFileSync(path);
  const end = file.lastIndexOf(Buffer.from(Uint32Array.of(endSignature).buffer));
  const arrays = new Map<string, NpyArray>();
  for (let at = file.readUInt32LE(end + 16), k = file.readUInt16LE(end + 10); k > 0; k--) {
    if (file.readUInt32LE(at) !== entrySignature) throw new Error(`'${path}' is no zip file`);
    const nameLength = file.readUInt16LE(at + 28);
    const name = file.toString("utf8", at + 46, at + 46 + nameLength);
    arrays.set(name.replace(/\.npy$/, ""), parseNpy(contentOf(file, at), `${path}/${name}`));
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return arrays;
}

/** What the entry of the directory at `at` stands for. */
function contentOf(file: Buffer, at: number): Uint8Array {
  const start = file.readUInt32LE(at + 42);
  const from = start + 30 + file.readUInt16LE(start + 26) + file.readUInt16LE(start + 28);
  const bytes = file.subarray(from, from + file.readUInt32LE(at + 20));
  return file.readUInt16LE(at + 10) === 0 ? bytes : inflateRawSync(bytes);
}
