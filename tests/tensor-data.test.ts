import { expect } from "chai";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExternalFiles } from "../frontend/external-files.ts";
import { readOnnxOptional, readOnnxSequence, readOnnxTensor } from "../frontend/onnx/read.ts";
import { OnnxDataType } from "../frontend/onnx/messages.ts";
import { onnxSparseTensorValue, onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { mindirTensorValue } from "../frontend/mindir/tensor-data.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import { MemorySource, readData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { encodeMessage, field } from "./messages.ts";

type Fields = Record<string, unknown>;
const where = { source: "t.pb" };

const tensorFrom = (bytes: Uint8Array): TensorValue => onnxTensorValue(readOnnxTensor(new MemorySource("t.pb", bytes)), where);
const tensorOf = (fields: Fields): TensorValue => tensorFrom(encodeMessage("onnx.proto", "onnx.TensorProto", { name: "t", ...fields }));
const bytesOf = (value: TensorValue): number[] => [...readData(value.data)];
const le = (array: ArrayBufferView): number[] => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];

/** Code and message of the only diagnostic. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    return `${e.diagnostics[0]?.code}: ${e.diagnostics[0]?.message}`;
  }
  return "accepted";
}

describe("tensors of ONNX, by encoding", () => {
  const T = OnnxDataType;
  const typed: readonly (readonly [string, number, Fields, number[]])[] = [
    ["f32", T.float, { floatData: [1.5, -2] }, le(new Float32Array([1.5, -2]))],
    ["f64", T.double, { doubleData: [1.5, -2] }, le(new Float64Array([1.5, -2]))],
    ["i32", T.int32, { int32Data: [-1, 70000] }, le(new Int32Array([-1, 70000]))],
    ["i16", T.int16, { int32Data: [-1, 300] }, le(new Int16Array([-1, 300]))],
    ["i8", T.int8, { int32Data: [-1, 100] }, [255, 100]],
    ["u16", T.uint16, { int32Data: [65535, 1] }, [255, 255, 1, 0]],
    ["u8", T.uint8, { int32Data: [255, 1] }, [255, 1]],
    ["bool", T.bool, { int32Data: [2, 0] }, [1, 0]],
    ["f16", T.float16, { int32Data: [0x3c00, 0xc000] }, [0, 0x3c, 0, 0xc0]],
    ["bf16", T.bfloat16, { int32Data: [0x3f80, 0xc000] }, [0x80, 0x3f, 0, 0xc0]],
    ["f8e4m3fn", T.float8e4m3fn, { int32Data: [0x38, 0xc0] }, [0x38, 0xc0]],
    ["i64", T.int64, { int64Data: ["-9007199254740993", 5] }, le(new BigInt64Array([-9007199254740993n, 5n]))],
    ["u64", T.uint64, { uint64Data: ["18446744073709551615", 5] }, le(new BigUint64Array([2n ** 64n - 1n, 5n]))],
    ["u32", T.uint32, { uint64Data: [4294967295, 5] }, [255, 255, 255, 255, 5, 0, 0, 0]],
    ["u4", T.uint4, { int32Data: [0x3f] }, [15, 3]],
    ["i4", T.int4, { int32Data: [0x3f] }, [255, 3]],
    ["f4e2m1", T.float4e2m1, { int32Data: [0x3f] }, [15, 3]],
    ["u2", T.uint2, { int32Data: [0b1101] }, [1, 3]],
    ["i2", T.int2, { int32Data: [0b1101] }, [1, 255]],
  ];
  for (const [dtype, dataType, fields, expected] of typed)
    it(`${dtype} in its field`, () => {
      const value = tensorOf({ dims: [2], dataType, ...fields });
      expect(value.dtype).to.equal(dtype);
      expect(value.dims).to.deep.equal([2]);
      expect(bytesOf(value)).to.deep.equal(expected);
    });

  it("raw data stays in the file", () => {
    const value = tensorOf({ dims: [3], dataType: T.float, rawData: Uint8Array.from(le(new Float32Array([1, 2, 3]))) });
    expect(bytesOf(value)).to.deep.equal(le(new Float32Array([1, 2, 3])));
    expect(value.data.source).to.be.instanceOf(MemorySource);
    expect(value.data.source.name).to.equal("t.pb");
  });

  it("raw 4-bit and 2-bit elements are unpacked, any part of them", () => {
    const nibbles = tensorOf({ dims: [5], dataType: T.int4, rawData: Uint8Array.of(0x81, 0xf7, 0x02) });
    expect(bytesOf(nibbles)).to.deep.equal([1, 0xf8, 7, 255, 2]);
    expect([...nibbles.data.source.read(1, 3)]).to.deep.equal([0xf8, 7, 255]);
    expect(bytesOf(tensorOf({ dims: [3], dataType: T.uint2, rawData: Uint8Array.of(0b00_10_01_11) }))).to.deep.equal([3, 1, 2]);
  });

  it("typed fields may be unpacked, or partly so", () => {
    const element = [0x25, 0, 0, 0x80, 0x3f];
    const value = tensorFrom(Uint8Array.from([0x08, 4, 0x10, 1, ...element, ...element, ...field(4, [0, 0, 0, 0x40]), ...element]));
    expect(bytesOf(value)).to.deep.equal(le(new Float32Array([1, 1, 2, 1])));
  });

  it("strings", () => {
    expect(
      tensorOf({ dims: [2], dataType: T.string, stringData: ["a", "é"].map((s) => new TextEncoder().encode(s)) }).strings,
    ).to.deep.equal(["a", "é"]);
  });

  it("scalars and empty tensors", () => {
    expect(bytesOf(tensorOf({ dataType: T.int8, int32Data: [7] }))).to.deep.equal([7]);
    expect(bytesOf(tensorOf({ dims: [3, 0], dataType: T.float }))).to.deep.equal([]);
  });

  const bad: readonly (readonly [string, Fields, string])[] = [
    [
      "too few bytes",
      { dims: [3], dataType: T.float, rawData: Uint8Array.of(1, 2, 3, 4) },
      "truncated: the tensor 't' of f32[3] needs 12 bytes, its data has 4",
    ],
    [
      "too many elements",
      { dims: [1], dataType: T.int32, int32Data: [1, 2] },
      "truncated: the tensor 't' of i32[1] needs 1 elements, its data has more",
    ],
    [
      "too few elements",
      { dims: [2], dataType: T.int64, int64Data: [300] },
      "truncated: the tensor 't' of i64[2] needs 2 elements, its data has 1",
    ],
    ["no data", { dims: [2], dataType: T.int64 }, "truncated: the tensor 't' of i64[2] has no data"],
    [
      "a huge shape",
      { dims: [2 ** 31, 2 ** 31], dataType: T.float },
      "limit: the tensor 't' of f32[2147483648,2147483648] has more elements than any file can hold",
    ],
    ["a large shape without data", { dims: [2 ** 40], dataType: T.float }, "truncated: the tensor 't' of f32[1099511627776] has no data"],
    ["a negative extent", { dims: [-1], dataType: T.float }, "syntax: the tensor 't' of f32[-1] has a negative extent"],
    [
      "the wrong field",
      { dims: [1], dataType: T.int64, floatData: [1] },
      "syntax: the tensor 't' of i64[1] has its data in 'floatData', where this type is not kept",
    ],
    [
      "two places",
      { dims: [1], dataType: T.int8, int32Data: [1], rawData: Uint8Array.of(1) },
      "syntax: the tensor 't' of i8[1] has data in more than one place",
    ],
    [
      "complex numbers",
      { dims: [1], dataType: T.complex64 },
      "unsupported-type: the tensor 't' has the data type complex64, which is not carried",
    ],
    ["an unknown type", { dims: [1], dataType: 99 }, "unsupported-type: the tensor 't' has the data type 99, which is not carried"],
  ];
  for (const [name, fields, expected] of bad) it(`refuses ${name}`, () => expect(refusal(() => tensorOf(fields))).to.equal(expected));

  it("reads sequences and optionals of test data", () => {
    const t = { dims: [1], dataType: T.int8, int32Data: [7] };
    const sequence = readOnnxSequence(
      new MemorySource("s", encodeMessage("onnx.proto", "onnx.SequenceProto", { elemType: 1, tensorValues: [t, t] })),
    );
    expect(sequence.tensorValues.map((v) => bytesOf(onnxTensorValue(v, where)))).to.deep.equal([[7], [7]]);
    const optional = readOnnxOptional(
      new MemorySource("o", encodeMessage("onnx.proto", "onnx.OptionalProto", { elemType: 3, sequenceValue: { tensorValues: [t] } })),
    );
    expect(optional.sequenceValue?.tensorValues).to.have.length(1);
    expect(optional).not.to.have.property("tensorValue");
  });
});

describe("sparse tensors", () => {
  const sparse = (dims: number[], indexDims: number[], indices: number[]): TensorValue => {
    const read = (fields: Fields): ReturnType<typeof readOnnxTensor> =>
      readOnnxTensor(new MemorySource("t", encodeMessage("onnx.proto", "onnx.TensorProto", fields)));
    const values = read({ name: "s", dims: [2], dataType: OnnxDataType.int8, int32Data: [5, 6] });
    return onnxSparseTensorValue(
      { values, indices: read({ dims: indexDims, dataType: OnnxDataType.int64, int64Data: indices }), dims },
      where,
    );
  };
  it("with linear indices and with one index per axis", () => {
    expect(bytesOf(sparse([2, 3], [2], [1, 5]))).to.deep.equal([0, 5, 0, 0, 0, 6]);
    expect(bytesOf(sparse([2, 3], [2, 2], [0, 1, 1, 2]))).to.deep.equal([0, 5, 0, 0, 0, 6]);
  });
  it("out of range, of the wrong number, or too large", () => {
    expect(refusal(() => sparse([2, 3], [2], [1, 6]))).to.contain("syntax: the sparse tensor 's' has indices that do not fit");
    expect(refusal(() => sparse([2, 3], [1], [1]))).to.contain("syntax");
    expect(refusal(() => sparse([2 ** 20, 2 ** 20], [2], [1, 2]))).to.contain("limit: the sparse tensor 's' would have");
  });
});

describe("external data", () => {
  const root = mkdtempSync(join(tmpdir(), "sinter-"));
  const folder = join(root, "model");
  before(() => {
    mkdirSync(join(folder, "sub"), { recursive: true });
    writeFileSync(join(root, "secret"), "secret bytes");
    writeFileSync(
      join(folder, "w.bin"),
      Uint8Array.from({ length: 16 }, (_, i) => i),
    );
    writeFileSync(join(folder, "sub", "w.bin"), Uint8Array.of(9, 8, 7, 6));
    symlinkSync(join(root, "secret"), join(folder, "link"));
    symlinkSync(root, join(folder, "up"));
    linkSync(join(root, "secret"), join(folder, "hard"));
  });
  after(() => rmSync(root, { recursive: true }));

  const read = (entries: Record<string, string>, files: ExternalFiles | undefined = new ExternalFiles(folder)): TensorValue => {
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const bytes = encodeMessage("onnx.proto", "onnx.TensorProto", {
      name: "t",
      dims: [4],
      dataType: OnnxDataType.uint8,
      dataLocation: 1,
      externalData,
    });
    return onnxTensorValue(readOnnxTensor(new MemorySource("t.pb", bytes)), where, files);
  };

  it("is a range of a file in the model's folder", () => {
    expect(bytesOf(read({ location: "w.bin", offset: "4", length: "4" }))).to.deep.equal([4, 5, 6, 7]);
    expect(bytesOf(read({ location: "w.bin", offset: "12", unknown: "x" }))).to.deep.equal([12, 13, 14, 15]);
    expect(bytesOf(read({ location: "./sub//w.bin" }))).to.deep.equal([9, 8, 7, 6]);
  });

  const refused: readonly (readonly [string, Record<string, string>])[] = [
    ["an absolute path", { location: "/etc/passwd" }],
    ["a Windows path", { location: "C:\\secret" }],
    ["the folder above", { location: "../secret" }],
    ["the folder above, on the way", { location: "sub/../../secret" }],
    ["a symbolic link", { location: "link" }],
    ["a symbolic link on the way", { location: "up/secret" }],
    ["a hard link", { location: "hard" }],
    ["a folder", { location: "sub" }],
    ["no name", { location: "" }],
    ["a missing file", { location: "none.bin" }],
    ["no location", { offset: "0" }],
    ["a range past the end", { location: "w.bin", offset: "14", length: "4" }],
    ["an offset past the end", { location: "w.bin", offset: "99" }],
    ["a negative offset", { location: "w.bin", offset: "-4", length: "4" }],
    ["an offset that is no number", { location: "w.bin", offset: "4x" }],
  ];
  for (const [name, entries] of refused) it(`refuses ${name}`, () => expect(refusal(() => read(entries))).to.match(/^external-data: /));
  it("refuses a length that is not the tensor's", () =>
    expect(refusal(() => read({ location: "w.bin", length: "8" }))).to.match(/^truncated: .* needs 4 bytes, its data has 8/));

  it("of MindIR", () => {
    writeFileSync(
      join(folder, "data_0"),
      Uint8Array.from({ length: 80 }, (_, i) => (i === 0 ? 1 : i < 64 ? 0 : i)),
    );
    const graph = { parameter: [{ name: "w", dims: [2], dataType: 5, externalData: { location: "data_0", offset: 64, length: 4 } }] };
    const model = readMindir(
      new MemorySource("m.mindir", encodeMessage("mind_ir.proto", "mind_ir.ModelProto", { irVersion: "0.1.1", graph })),
    );
    const [w] = model.graph.parameter;
    if (w === undefined) return expect.fail("no parameter");
    expect(bytesOf(mindirTensorValue(w, where, new ExternalFiles(folder)))).to.deep.equal([64, 65, 66, 67]);
    expect(refusal(() => mindirTensorValue(w, where))).to.match(/^external-data: /);
    return undefined;
  });
});
