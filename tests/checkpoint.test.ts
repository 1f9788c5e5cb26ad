/** MindSpore's checkpoints: what is written is what is read; real ones; what is broken is refused. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import { ComputedSource } from "../frontend/bytes.ts";
import { readCheckpoint } from "../frontend/checkpoint/read.ts";
import { type CheckpointWriteOptions, writeCheckpoint } from "../frontend/checkpoint/write.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import { openWeights, readWeights } from "../frontend/weights.ts";
import { type ByteSource, MemorySource } from "../ir/data.ts";
import type { CompileError } from "../ir/diagnostic.ts";
import type { DType } from "../ir/type.ts";
import { encodeMessage } from "./messages.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";
import {
  checkpointTypes,
  encrypted,
  encryptionKey as key,
  plain,
  refusal,
  samples,
  sha256,
  tensorOf,
  textOf,
  written,
} from "./weights-files.ts";

describe("checkpoints", () => {
  const write = (tensors: readonly TensorValue[], options: Partial<CheckpointWriteOptions> = {}): MemorySource =>
    written(writeCheckpoint(tensors, { name: "a.ckpt", ...options }));

  it("are read as they were written: all types, scalars, texts, empty tensors", () => {
    const tensors = [...samples(checkpointTypes), textOf("note", "größe 𝕏"), textOf("nothing", "")];
    expect(plain(readCheckpoint(write(tensors)).tensors.values())).to.deep.equal(plain(tensors));
  });

  it("are what protobufjs writes", () => {
    const a = tensorOf("a", "f32", [2, 3]);
    const b = tensorOf("b", "bool", []);
    const value = [
      { tag: "a", tensor: { dims: [2, 3], tensorType: "Float32", tensorContent: a.data.source.read(0, 24) } },
      { tag: "b", tensor: { dims: [0], tensorType: "Bool", tensorContent: b.data.source.read(0, 1) } },
    ];
    const source = write([a, b]);
    expect(source.read(0, source.size)).to.deep.equal(encodeMessage("checkpoint.proto", "Checkpoint", { value }));
  });

  it("are cut into pieces of whole elements and put together again", () => {
    const tensors = [tensorOf("a", "f32", [5, 7]), tensorOf("b", "f64", [3]), tensorOf("c", "i4", [2, 6])];
    for (const sliceBytes of [1, 5, 12, 16, 139, 140]) {
      const source = write(tensors, { sliceBytes });
      const { tensors: read } = readCheckpoint(source);
      expect(plain(read.values())).to.deep.equal(plain(tensors));
      const a = read.get("a")!.data;
      for (const [offset, length] of [
        [3, 50],
        [0, 140],
        [139, 1],
        [16, 16],
        [140, 0],
      ] as const)
        expect(a.source.read(a.offset + offset, length)).to.deep.equal(tensors[0]!.data.source.read(offset, length));
    }
  });

  it("have a checksum that is checked", () => {
    const tensors = [tensorOf("a", "f32", [5, 7])];
    const source = write(tensors, { crc: true });
    const bytes = source.read(0, source.size).slice();
    expect(plain(readCheckpoint(source).tensors.values())).to.deep.equal(plain(tensors));
    expect(Buffer.from(bytes).readUInt32BE(bytes.length - 4)).to.equal(crc32(bytes.subarray(0, -17)));
    bytes[40]! ^= 1;
    expect(refusal(() => readCheckpoint(new MemorySource("a.ckpt", bytes)))).to.equal(
      "truncated: the file is damaged: its checksum differs",
    );
  });

  const message = (value: readonly object[]): ByteSource =>
    new MemorySource("a.ckpt", encodeMessage("checkpoint.proto", "Checkpoint", { value }));
  const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
  const entry = (tag: string, tensorType: string, dims: readonly number[], tensorContent: Uint8Array): object => ({
    tag,
    tensor: { dims, tensorType, tensorContent },
  });

  it("spell types in several ways; what comes later counts; caches' suffixes and states of random operators go", () => {
    const { tensors, diagnostics } = readCheckpoint(
      message([
        entry("a", "Uint8", [1], bytes(1)),
        entry("r", "random_op", [0], bytes(1, 2, 3)),
        entry("b.__param_key__12", "UInt8", [1], bytes(2)),
        entry("a", "Bool", [2], bytes(3, 0)),
      ]),
    );
    expect(plain(tensors.values())).to.deep.equal([
      { name: "b", dtype: "u8", dims: [1], bytes: bytes(2) },
      { name: "a", dtype: "bool", dims: [2], bytes: bytes(1, 0) },
    ]);
    expect(diagnostics.map((d) => d.severity)).to.deep.equal(["warning", "warning"]);
  });

  it("hold maps, as keys, values and status", () => {
    const part = (dims: readonly number[], tensorType: string, tensorContent: Uint8Array): object => ({
      dims,
      tensorType,
      tensorContent,
    });
    const map = (n: number): object => ({
      tag: "m",
      maptensor: {
        tensor: [
          part([n], "int32", new Uint8Array(n * 4).fill(n)),
          part([n, 1], "float16", new Uint8Array(n * 2).fill(7)),
          part([n], "int32", new Uint8Array(n * 4).fill(0)),
        ],
      },
    });
    expect(Array.from(readCheckpoint(message([map(1), map(2)])).tensors.values(), (t) => [t.name, t.dtype, ...t.dims])).to.deep.equal([
      ["m.keys", "i32", 3],
      ["m.values", "f16", 3, 1],
      ["m.status", "i32", 3],
    ]);
  });

  it("hold 4-bit integers in pairs, whether their shape counts bytes or elements", () => {
    const { tensors } = readCheckpoint(
      message([entry("a", "Int4", [1, 2], bytes(0x21, 0xf8)), entry("b", "Int4", [3], bytes(0x21, 0x0f))]),
    );
    expect(plain(tensors.values())).to.deep.equal([
      { name: "a", dtype: "i4", dims: [1, 4], bytes: bytes(1, 2, 0xf8, 0xff) },
      { name: "b", dtype: "i4", dims: [3], bytes: bytes(1, 2, 0xff) },
    ]);
  });

  it("are refused with everything that is wrong", () => {
    const source = message([
      entry("a", "Complex64", [1], bytes(1, 2, 3, 4, 5, 6, 7, 8)),
      entry("b", "Float32", [3], bytes(1, 2, 3, 4)),
      entry("c", "Float32", [-1], bytes(1, 2, 3, 4)),
      entry("d", "Float32", [1], bytes(1, 2)),
      entry("d", "Float16", [1], bytes(1, 2)),
      entry("e", "str", [0], bytes(1, 2)),
      entry("f", "str", [0], bytes(0, 0, 0x11, 0)),
      { tag: "g" },
      entry("h", "Float32", Array<number>(65).fill(1), bytes(1, 2, 3, 4)),
      entry("", "Float32", [1], bytes(1, 2, 3, 4)),
    ]);
    const lines = refusal(() => readCheckpoint(source)).split("\n");
    expect(lines.map((line) => line.split(":")[0])).to.deep.equal([
      "unsupported-type",
      "truncated",
      "syntax",
      "syntax",
      "truncated",
      "syntax",
      "syntax",
      "limit",
      "syntax",
    ]);
  });

  for (const [what, head, reason] of [
    ["nothing", "", "the file is empty"],
    ["parallel strategies", "\x08\x01\x12\x02\n\0", "this is a strategy of parallel training, not a checkpoint of tensors"],
    ["PyTorch's archives", "PK\x03\x04archive", "the archive has no end"],
    ["PyTorch's pickles", "\x80\x02}q\x00", "this is a checkpoint of PyTorch"],
    ["Keras' files", "\x89HDF\r\n", "this is an HDF5 file, as Keras writes"],
    ["ONNX Runtime's training", "\x18\0\0\0ODTC", "this is a checkpoint of ONNX Runtime's training"],
    ["text", "hello", "this is not a MindSpore checkpoint"],
  ] as const)
    it(`are not ${what}`, async () => {
      const error: unknown = await readWeights(new MemorySource("a.ckpt", Buffer.from(head, "latin1"))).catch((e: unknown) => e);
      expect((error as CompileError).diagnostics[0]!.message).to.equal(reason);
    });

  it("are encrypted in blocks", () => {
    const tensors = [tensorOf("a", "f32", [5, 7]), tensorOf("b", "i64", [])];
    const source = write(tensors);
    const file = encrypted(source.read(0, source.size), 50);
    expect(plain(readCheckpoint(file, { key }).tensors.values())).to.deep.equal(plain(tensors));
    expect(refusal(() => readCheckpoint(file))).to.match(/^encrypted/);
    expect(refusal(() => readCheckpoint(file, { key: key.map((b) => b ^ 1) }))).to.match(/^encrypted/);
  });

  it("of 3 GB are written piece by piece", () => {
    const size = 3 * 2 ** 30;
    let most = 0;
    const zeros = new ComputedSource("zeros", size, (_, length) => {
      most = Math.max(most, length);
      return new Uint8Array(Math.min(length, 64));
    });
    const { files } = writeCheckpoint(
      [{ name: "w", dtype: "f32", dims: [size / 4], data: { source: zeros, offset: 0, byteLength: size } }],
      { name: "w.ckpt" },
    );
    const heads = Array.from(files[0].content, (piece) => (piece.length < 64 ? Buffer.from(piece).toString("latin1") : ""));
    expect(heads.join("").match(/Float32/g)).to.have.length(6);
    expect(most).to.be.at.most(2 ** 26);
  });

  it("cannot hold every type", () => {
    const tensors = [tensorOf("a", "f8e5m2", [2]), tensorOf("b", "i4", [3]), tensorOf("c", "u2", [2])];
    expect(refusal(() => write(tensors)).split("\n")).to.have.length(3);
  });
});

withSharedModels("real checkpoints", (folder) =>
  describe("real checkpoints", () => {
    interface Listed {
      readonly name: string;
      readonly dtype: string;
      readonly shape: readonly number[];
      readonly sha256: string;
    }
    const dtypes: Readonly<Record<string, DType>> = {
      Float32: "f32",
      Float64: "f64",
      Float16: "f16",
      Int32: "i32",
      Int64: "i64",
      Bool: "bool",
    };
    for (const path of filesIn(join(folder, "ckpt"), ".tensors.json"))
      it(basename(path, ".tensors.json"), async () => {
        const listed = JSON.parse(readFileSync(path, "utf8")) as readonly Listed[];
        const { tensors } = await openWeights(path.replace(".tensors.json", ".ckpt"));
        const found = Array.from(tensors.values(), (t) => ({ name: t.name, dtype: t.dtype, shape: t.dims, sha256: sha256(t) }));
        expect(found).to.deep.equal(listed.map((l) => ({ ...l, dtype: dtypes[l.dtype] })));
      });

    it("a strategy of parallel training is refused for what it is", async () => {
      const error: unknown = await openWeights(join(folder, "ckpt", "3f4b511c_ckpt_strategy_rank_0.ckpt")).catch((e: unknown) => e);
      expect((error as CompileError).message).to.contain("strategy of parallel training");
    });

    for (const mode of ["cbc", "gcm"])
      it(`encrypted with AES in ${mode}`, async () => {
        const path = join(folder, "mindir", `lenet5_encrypted_aes-${mode}.ckpt`);
        const { tensors } = await openWeights(path, { key });
        const of = (values: ReadonlyMap<string, TensorValue>): unknown => Array.from(values.values(), (t) => [t.name, t.dtype, t.dims]);
        expect(of(tensors)).to.deep.equal(of((await openWeights(join(folder, "mindir", "lenet5.ckpt"))).tensors));
        for (const wrong of [undefined, key.map((b) => b ^ 1), key.subarray(2)]) {
          const error: unknown = await openWeights(path, { key: wrong }).catch((e: unknown) => e);
          expect((error as CompileError).diagnostics[0]!.code).to.equal("encrypted");
        }
      });
  }),
);
