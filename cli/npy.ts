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
  f2: "f16",
  f4: "f32",
  f8: "f64",
  i1: "i8",
  i2: "i16",
  i4: "i32",
  i8: "i64",
  u1: "u8",
  u2: "u16",
  u4: "u32",
  u8: "u64",
  b1: "bool",
};
/** How NumPy writes types that other packages add to it (bfloat16, float8): as bits. */
const bits: Readonly<Record<string, string>> = { V1: "u8", V2: "u16" };
const magic = "\x93NUMPY";

interface Header {
  readonly dtype: string;
  /** Bytes of an element. */
  readonly width: number;
  readonly bigEndian: boolean;
  readonly fortran: boolean;
  readonly dims: readonly number[];
  /** Where the elements start. */
  readonly end: number;
}

/** Reads a file's bytes; throws an `InputError` that names `path`. */
export function parseNpy(file: Uint8Array, path: string): NpyArray {
  const { dtype, width, bigEndian, fortran, dims, end } = parseHeader(file, path);
  const length = dims.reduce((a, b) => a * b, 1) * width;
  if (!(length <= file.length - end)) {
    throw new InputError(
      `'${path}' ends before its last element: ${dtype}[${dims.join(",")}] takes ${length} bytes, ${file.length - end} are there`,
    );
  }
  const bytes = new Uint8Array(length);
  bytes.set(file.subarray(end, end + length));
  if (bigEndian) swapBytes(bytes, width);
  return { dtype, dims, bytes: fortran ? toRowMajor(bytes, width, dims) : bytes };
}

function parseHeader(file: Uint8Array, path: string): Header {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 10 || latin1(file.subarray(0, 6)) !== magic) throw new InputError(`'${path}' is no .npy file`);
  const version = file[6]!;
  if (version < 1 || version > 3) throw new InputError(`'${path}' has version ${version} of the .npy format; versions 1 to 3 are known`);
  const start = version >= 2 ? 12 : 10;
  const end = file.length < start ? Infinity : start + (version >= 2 ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end > file.length) throw new InputError(`the header of '${path}' is cut off`);
  const text = latin1(file.subarray(start, end));
  const [, order, type = ""] = /'descr':\s*'([<>|=]?)(\w+)'/.exec(text) ?? [];
  const dtype = dtypes[type] ?? bits[type];
  if (dtype === undefined) throw new InputError(`'${path}' has elements of a type that is not supported`);
  const fortran = /'fortran_order':\s*True/.test(text);
  return { dtype, width: Number(type.slice(1)), bigEndian: order === ">", fortran, dims: parseShape(text, path), end };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** `(2, 3)`, `(2,)`, `()`; numbers may end with the `L` of Python 2. */
function parseShape(header: string, path: string): readonly number[] {
  const [, list] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? [];
  const dims = list
    ?.split(",")
    .map((d) => d.trim().replace(/L$/, ""))
    .filter((d) => d !== "")
    .map(Number);
  if (!dims?.every((d) => Number.isSafeInteger(d) && d >= 0)) throw new InputError(`the shape of '${path}' cannot be read`);
  return dims;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}

/** Elements whose first axis is contiguous (Fortran's order) in row-major order. */
function toRowMajor(bytes: Uint8Array, width: number, dims: readonly number[]): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes.length);
  const at = dims.map(() => 0);
  const strides = dims.map((_, d) => dims.slice(0, d).reduce((a, b) => a * b, width));
  for (let to = 0; to < made.length; to += width) {
    const from = at.reduce((sum, i, d) => sum + i * strides[d]!, 0);
    made.set(bytes.subarray(from, from + width), to);
    for (let d = dims.length - 1; d >= 0 && ++at[d]! === dims[d]; d--) at[d] = 0;
  }
  return made;
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
