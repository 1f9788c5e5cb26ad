/**
 * NumPy's `.npy` files (format versions 1 to 3, as its documentation gives them): a magic number, a header that is a
 * Python dictionary, the elements.
 */
import { InputError } from "./failure.ts";

export interface NpyArray {
  /** As in our text form. */
  readonly dtype: string;
  readonly dims: readonly number[];
  /** Little-endian, row-major, at the start of a buffer of their own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const dtypes: Readonly<Record<string, string>> = {
  f2: "f16", f4: "f32", f8: "f64", i1: "i8", i2: "i16", i4: "i32", i8: "i64", u1: "u8", u2: "u16", u4: "u32", u8: "u64", b1: "bool",
};
const magic = "\x93NUMPY";

/** Reads a file's bytes; throws an `InputError` that names `path`. */
export function parseNpy(file: Uint8Array, path: string): NpyArray {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 12 || Buffer.from(file.subarray(0, 6)).toString("latin1") !== magic) throw new InputError(`'${path}' is no .npy file`);
  const wide = file[6]! >= 2;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end > file.length) throw new InputError(`the header of '${path}' is cut off`);
  const header = Buffer.from(file.subarray(start, end)).toString("latin1");
  const { dtype, bigEndian } = dtypeOf(header, path);
  if (/'fortran_order':\s*True/.test(header)) throw new InputError(`'${path}' is in Fortran order; save it with numpy.ascontiguousarray`);
  const dims = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").map((d) => d.trim()).filter((d) => d !== "").map(Number);
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0)) throw new InputError(`the shape of '${path}' cannot be read`);
  const width = Number(/(\d)$/.exec(npyType(dtype))![1]);
  const length = dims.reduce((a, b) => a * b, 1) * width;
  if (file.length - end < length) throw new InputError(`'${path}' ends before its last element`);
  const bytes = new Uint8Array(length);
  bytes.set(file.subarray(end, end + length));
  if (bigEndian) swapBytes(bytes, width);
  return { dtype, dims, bytes };
}

function dtypeOf(header: string, path: string): { dtype: string; bigEndian: boolean } {
  const descr = /'descr':\s*'([<>|=]?)(\w+)'/.exec(header);
  const dtype = dtypes[descr?.[2] ?? ""];
  if (!descr || dtype === undefined) throw new InputError(`'${path}' has elements of a type that is not supported`);
  return { dtype, bigEndian: descr[1] === ">" };
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}

/** NumPy's name of a dtype; those it does not know are written as their bits. */
function npyType(dtype: string): string {
  const known = Object.entries(dtypes).find(([, ours]) => ours === dtype)?.[0];
  return known ?? (dtype === "bf16" ? "u2" : dtype.startsWith("i") ? "i1" : "u1");
}

/** The bytes of a version 1 file. */
export function formatNpy(array: NpyArray): Uint8Array {
  const type = npyType(array.dtype);
  const shape = `(${array.dims.join(", ")}${array.dims.length === 1 ? "," : ""})`;
  const text = `{'descr': '${type.endsWith("1") ? "|" : "<"}${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${text}${" ".repeat(63 - ((10 + text.length) % 64))}\n`;
  const file = new Uint8Array(10 + header.length + array.bytes.length);
  file.set(Buffer.from(magic, "latin1"));
  file.set([1, 0, header.length % 256, header.length >> 8], 6);
  file.set(Buffer.from(header, "latin1"), 10);
  file.set(array.bytes, 10 + header.length);
  return file;
}
