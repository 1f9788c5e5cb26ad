/** Files of weights: what is written is what is read, in every format; what is broken is refused. */
import { expect } from "chai";
import { deflateRawSync } from "node:zlib";
import { readCheckpoint } from "../frontend/checkpoint/read.ts";
import { writeCheckpoint } from "../frontend/checkpoint/write.ts";
import { readNpz } from "../frontend/npz/read.ts";
import { writeNpz } from "../frontend/npz/write.ts";
import { readSafetensors } from "../frontend/safetensors/read.ts";
import { writeSafetensors } from "../frontend/safetensors/write.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import { readWeights, weightsFormats, writeWeights } from "../frontend/weights.ts";
import { type ByteSource, MemorySource } from "../ir/data.ts";
import type { DType } from "../ir/type.ts";
import { tryMutations } from "./mutations.ts";
import {
  checkpointTypes,
  encrypted,
  encryptionKey as key,
  joined,
  plain,
  refusal,
  samples,
  sha256,
  tensorOf,
  textOf,
  written,
} from "./weights-files.ts";

const bytesOfText = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

const safetensorsTypes: readonly DType[] = [...checkpointTypes, "f8e4m3fn", "f8e5m2", "f8e8m0"];
const npzTypes: readonly DType[] = checkpointTypes.filter((t) => t !== "i4");

describe("files of weights", () => {
  describe("safetensors", () => {
    const write = (tensors: readonly TensorValue[]): MemorySource => written(writeSafetensors(tensors, { name: "a.safetensors" }));

    it("are read as they were written", () => {
      const tensors = samples(safetensorsTypes);
      expect(plain(readSafetensors(write(tensors)).tensors.values())).to.deep.equal(plain(tensors));
    });

    it("keep texts as metadata, with a warning, and refuse types that they lack", () => {
      const { files, diagnostics } = writeSafetensors([textOf("note", "hi"), tensorOf("a", "i8", [2])], { name: "a" });
      expect(diagnostics.map((d) => d.severity)).to.deep.equal(["warning"]);
      const text = Buffer.from(joined(files[0].content)).toString("latin1");
      expect(text).to.contain('"__metadata__":{"note":"hi"}');
      expect(refusal(() => write([tensorOf("a", "i4", [3]), tensorOf("b", "u2", [2])])).split("\n")).to.have.length(2);
    });

    const file = (header: string, content: readonly number[] = []): ByteSource => {
      const text = new TextEncoder().encode(header);
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
      return new MemorySource("a.safetensors", joined([length, text, Uint8Array.from(content)]));
    };
    const entry = (name: string, from: number, to: number, shape = "[1]"): string =>
      `"${name}":{"dtype":"U8","shape":${shape},"data_offsets":[${from},${to}]}`;
    for (const [what, source, code] of [
      ["no JSON", file("{"), "syntax"],
      ["a list", file("[]"), "syntax"],
      ["an overlap", file(`{${entry("a", 0, 1)},${entry("b", 0, 1)}}`, [1]), "syntax"],
      ["a gap", file(`{${entry("a", 0, 1)},${entry("b", 2, 3)}}`, [1, 2, 3]), "syntax"],
      ["a rest", file(`{${entry("a", 0, 1)}}`, [1, 2]), "truncated"],
      ["too few bytes", file(`{${entry("a", 0, 2, "[2]")}}`, [1]), "truncated"],
      ["a wrong shape", file(`{${entry("a", 0, 1, "[3]")}}`, [1]), "truncated"],
      ["a shape of text", file(`{${entry("a", 0, 1, '["1"]')}}`, [1]), "syntax"],
      ["an unknown type", file(`{${entry("a", 0, 1).replace("U8", "C64")}}`, [1]), "unsupported-type"],
      ["a length that lies", new MemorySource("a", bytesOfText("\xff\xff\xff\xff\xff\xff\xff\x7f{}")), "truncated"],
    ] as const)
      it(`refuse ${what}`, () => expect(refusal(() => readSafetensors(source)).split(":")[0]).to.equal(code));
  });

  describe("npz", () => {
    it("are read as they were written, and know bf16 again", () => {
      const tensors = [...samples(npzTypes), textOf("note", "größe 𝕏")];
      expect(plain(readNpz(written(writeNpz(tensors, { name: "a.npz" }))).tensors.values())).to.deep.equal(plain(tensors));
    });

    it("refuse types that NumPy lacks", () => {
      const tensors = [tensorOf("a", "i4", [2]), tensorOf("b", "f8e5m2", [2])];
      expect(refusal(() => writeNpz(tensors, { name: "a" })).split("\n")).to.have.length(2);
    });

    it("are inflated", () => {
      const source = deflated("a.npy", written(writeNpz([tensorOf("a", "f32", [40, 50])], { name: "a.npz" })));
      expect(plain(readNpz(source).tensors.values())).to.deep.equal(plain([tensorOf("a", "f32", [40, 50])]));
    });

    it("are refused where entries share bytes", () => {
      const source = written(writeNpz([tensorOf("a", "f32", [2]), tensorOf("b", "f32", [2])], { name: "a.npz" }));
      const bytes = source.read(0, source.size).slice();
      const second = Buffer.from(bytes).lastIndexOf("PK\x01\x02", undefined, "latin1");
      new DataView(bytes.buffer).setUint32(second + 42, 0, true);
      expect(refusal(() => readNpz(new MemorySource("a.npz", bytes)))).to.match(/overlaps/);
    });

    it("are refused where sizes or checksums lie", () => {
      const good = deflated("a.npy", written(writeNpz([tensorOf("a", "f32", [40, 50])], { name: "a.npz" })));
      const directory = Buffer.from(good.read(0, good.size)).indexOf("PK\x01\x02", 0, "latin1");
      const changed = (at: number, value: number): ByteSource => {
        const bytes = good.read(0, good.size).slice();
        new DataView(bytes.buffer).setUint32(directory + at, value, true);
        return new MemorySource("a.npz", bytes);
      };
      expect(refusal(() => readNpz(changed(24, 0x7fffffff)))).to.match(/^limit/);
      expect(refusal(() => readNpz(changed(24, 0x100000)))).to.match(/^truncated/);
      expect(refusal(() => readNpz(changed(24, 100)))).to.match(/^truncated/);
      expect(refusal(() => readNpz(changed(16, 1)))).to.match(/checksum/);
      expect(refusal(() => readNpz(changed(20, 0x7fffffff)))).to.match(/^truncated/);
      expect(refusal(() => readNpz(changed(42, 0x7fffffff)))).to.match(/^truncated/);
    });
  });

  it("go from any format to any other", async () => {
    const tensors = samples(npzTypes);
    for (const from of weightsFormats)
      for (const to of weightsFormats) {
        const first = await readWeights(written(await writeWeights(tensors, from, { name: `a.${from}` })));
        const second = await readWeights(written(await writeWeights(first.tensors.values(), to, { name: `b.${to}`, crc: true })));
        expect([first.format, second.format]).to.deep.equal([from, to]);
        expect(plain(second.tensors.values())).to.deep.equal(plain(tensors));
      }
  });
});

/** The archive of one stored file, with that file deflated. */
function deflated(name: string, archive: ByteSource): MemorySource {
  const bytes = Buffer.from(archive.read(0, archive.size));
  const directory = bytes.indexOf("PK\x01\x02", 0, "latin1");
  const head = bytes.subarray(0, 30 + name.length);
  const packed = deflateRawSync(bytes.subarray(head.length, directory));
  const tail = Buffer.from(bytes.subarray(directory));
  tail.writeUInt16LE(8, 10);
  tail.writeUInt32LE(packed.length, 20);
  tail.writeUInt32LE(head.length + packed.length, tail.length - 6);
  return new MemorySource("a.npz", joined([head, packed, tail]));
}

describe("damaged files of weights", function () {
  this.timeout(120_000);
  const tensors = [...samples(["f32", "i64", "bool", "bf16"]), textOf("note", "größe")];
  const bytesIn = (source: MemorySource): Uint8Array => source.read(0, source.size);
  const readers = {
    checkpoint: {
      read: (source: ByteSource) => readCheckpoint(source, { key }),
      files: [
        bytesIn(written(writeCheckpoint(tensors, { name: "a", sliceBytes: 16 }))),
        bytesIn(written(writeCheckpoint(tensors, { name: "a", crc: true }))),
        bytesIn(encrypted(bytesIn(written(writeCheckpoint(tensors, { name: "a" }))), 100)),
      ],
    },
    safetensors: { read: readSafetensors, files: [bytesIn(written(writeSafetensors(tensors, { name: "a" })))] },
    npz: {
      read: readNpz,
      files: [
        bytesIn(written(writeNpz(tensors, { name: "a" }))),
        bytesIn(deflated("a.npy", written(writeNpz([tensorOf("a", "f32", [40, 50])], { name: "a" })))),
      ],
    },
  };
  for (const [format, { read, files }] of Object.entries(readers))
    it(`${format}: ten thousand give a diagnostic or a result, soon and in little memory`, () => {
      const named = files.map((bytes, i) => ({ name: `${format} ${i}`, bytes }));
      const report = tryMutations(named, 10_000, 1, (name, bytes) => {
        for (const value of read(new MemorySource(name, bytes)).tensors.values()) sha256(value);
      });
      expect(report.failures).to.deep.equal([]);
      expect(report.tried).to.be.at.least(10_000);
      expect(report.refused).to.be.greaterThan(report.tried / 4);
      expect(report.peakBytes).to.be.lessThan(2 ** 29);
    });
});
