/**
 * NumPy's `.npy` files (format versions 1 to 3, as its documentation gives them): a magic number, a header that is a
 * Python dictionary, the elements.
 */
import { type ByteSource, memoryData, type TensorData } from "../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../ir/diagnostic.ts";
import type { DType } from "../ir/type.ts";

const dtypes: Readonly<Record<string, DType>> = {
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
const magic = "\x93NUMPY";

/** What a file says before its elements. */
export interface NpyHeader {
  /** NumPy's name without the order of bytes: `f4`, `U12`, `V2`. */
  readonly type: string;
  /** Of our types the one that `type` is; undefined of texts and types that other packages add to NumPy. */
  readonly dtype: DType | undefined;
  /** Bytes of an element. */
  readonly width: number;
  readonly bigEndian: boolean;
  readonly fortran: boolean;
  readonly dims: readonly number[];
  /** Where the elements start. */
  readonly end: number;
}

/** Longer headers are refused: no type of ours needs them. */
const mostHeaderBytes = 1 << 20;

/** The header at the start of `source`. Throws a `CompileError`: "syntax", "truncated", "unsupported-type". */
export function readNpyHeader(source: ByteSource): NpyHeader {
  const fail = (code: DiagnosticCode, message: string): never => {
    throw CompileError.of(code, { source: source.name }, message);
  };
  const head = source.read(0, Math.min(source.size, 12));
  if (head.length < 10 || latin1(head.subarray(0, 6)) !== magic) return fail("syntax", "this is no .npy file");
  const version = head[6]!;
  if (version < 1 || version > 3) return fail("syntax", `version ${version} of the .npy format is not known; versions 1 to 3 are`);
  const start = version >= 2 ? 12 : 10;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const end = head.length < start ? Infinity : start + (version >= 2 ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end > source.size) return fail("truncated", "the header is cut off");
  if (end > mostHeaderBytes) return fail("limit", `the header has ${end} bytes`);
  const text = latin1(source.read(start, end - start));
  const [, order, type] = /'descr':\s*'([<>|=]?)(\w+)'/.exec(text) ?? [];
  if (type === undefined) return fail("unsupported-type", "the elements have a type that is not supported");
  const width = Number(/\d+$/.exec(type)?.[0]) * (type.startsWith("U") ? 4 : 1);
  const dims = shapeIn(text) ?? fail("syntax", "the shape cannot be read");
  return { type, dtype: dtypes[type], width, bigEndian: order === ">", fortran: /'fortran_order':\s*True/.test(text), dims, end };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** `(2, 3)`, `(2,)`, `()`; numbers may end with the `L` of Python 2. */
function shapeIn(header: string): readonly number[] | undefined {
  const [, list] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? [];
  const dims = list
    ?.split(",")
    .map((d) => d.trim().replace(/L$/, ""))
    .filter((d) => d !== "")
    .map(Number);
  return dims?.every((d) => Number.isSafeInteger(d) && d >= 0) ? dims : undefined;
}

/**
 * The elements, little-endian and row-major, `width` bytes each. They stay where they are when they are so in the file.
 * Throws a `CompileError` "truncated" where the file ends before the last one.
 */
export function npyElements(source: ByteSource, header: NpyHeader): TensorData {
  const { width, dims, end, bigEndian, fortran } = header;
  const byteLength = dims.reduce((a, b) => a * b, 1) * width;
  if (!(byteLength <= source.size - end)) {
    throw CompileError.of(
      "truncated",
      { source: source.name },
      `the file ends before its last element: ${header.dtype ?? header.type}[${dims.join(",")}] takes ${byteLength} bytes, ${source.size - end} are there`,
    );
  }
  const isReordered = fortran && dims.filter((d) => d > 1).length > 1;
  if (!isReordered && (!bigEndian || width === 1)) return { source, offset: end, byteLength };
  const bytes = source.read(end, byteLength).slice();
  if (bigEndian) swapBytes(bytes, header.type.startsWith("U") ? 4 : width);
  return memoryData(isReordered ? toRowMajor(bytes, width, dims) : bytes, source.name);
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}

/** Elements whose first axis is contiguous (Fortran's order) in row-major order. */
function toRowMajor(bytes: Uint8Array, width: number, dims: readonly number[]): Uint8Array {
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

/** NumPy's name of a dtype, with which NumPy computes; undefined for those it does not know. */
export const npyTypeName = (dtype: DType): string | undefined => Object.keys(dtypes).find((name) => dtypes[name] === dtype);

/** The bytes before the elements of a version 1 file, of a multiple of 64 bytes; `type` is `f4`, `U12`, `V2`. */
export function npyHeader(type: string, dims: readonly number[]): Uint8Array {
  const shape = `(${dims.join(", ")}${dims.length === 1 ? "," : ""})`;
  const order = type.startsWith("U") || Number(type.slice(1)) > 1 ? "<" : "|";
  const text = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${text}${" ".repeat(63 - ((10 + text.length) % 64))}\n`;
  const bytes = new Uint8Array(10 + header.length);
  bytes.set(Buffer.from(magic, "latin1"));
  bytes.set([1, 0, header.length % 256, header.length >> 8], 6);
  bytes.set(Buffer.from(header, "latin1"), 10);
  return bytes;
}
