/** Files of weights that we write, read by others: MindSpore, NumPy, protoc. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { writeCheckpoint } from "../frontend/checkpoint/write.ts";
import { paired } from "../frontend/int4-pairs.ts";
import { writeNpz } from "../frontend/npz/write.ts";
import { writeSafetensors } from "../frontend/safetensors/write.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import type { WrittenWeights } from "../frontend/weights-file.ts";
import { openWeights } from "../frontend/weights.ts";
import type { DType } from "../ir/type.ts";
import { joined, plain, sha256, tensorOf, textOf } from "./weights-files.ts";
import { witnessPython } from "./witness.ts";

const dtypes: readonly DType[] = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "bf16", "f32", "f64", "bool"];
const tensors: readonly TensorValue[] = [
  ...dtypes.flatMap((dtype, i) => [
    tensorOf(`layer.${dtype}.weight`, dtype, [3, 1, 4], i),
    tensorOf(`layer.${dtype}.scalar`, dtype, [], i),
  ]),
  tensorOf("layer.one", "f32", [1], 9),
];

const python = witnessPython();
const protoc = findProtoc();

function findProtoc(): string | undefined {
  try {
    execFileSync("protoc", ["--version"], { stdio: "ignore" });
    return "protoc";
  } catch {
    return undefined;
  }
}

describe("files of weights read by others", function () {
  this.timeout(120_000);
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sinter-weights-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function write({ files: [{ name, content }] }: WrittenWeights): string {
    const path = join(folder, name);
    writeFileSync(path, joined(content));
    return path;
  }

  const ours = (values: readonly TensorValue[]): object[] =>
    values.map((t) => ({ name: t.name, dtype: t.dtype, shape: t.dims, sha256: sha256(t) }));

  if (python === undefined) console.log("left out: files of weights read by MindSpore and NumPy (the Python of .ci/run is not there)");
  else {
    const pairs = tensorOf("layer.pairs", "i4", [2, 4]);
    const inPairs = { ...pairs, dtype: "i8", dims: [2, 2], data: paired(pairs.data) } as const;
    const read = (...args: readonly string[]): unknown =>
      JSON.parse(
        execFileSync(python, [resolve("tests", "witness", "read_weights.py"), ...args], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        }),
      );

    it("MindSpore loads checkpoints, with and without a checksum, in pieces, with texts; and safetensors", () => {
      const paths = [{}, { crc: true }, { sliceBytes: 16 }].map((options, i) =>
        write(writeCheckpoint([...tensors, pairs], { name: `${i}.ckpt`, ...options })),
      );
      const note = write(writeCheckpoint([textOf("note", "größe")], { name: "note.ckpt" }));
      const other = write(writeSafetensors([...tensors, pairs], { name: "all.safetensors" }));
      const found = read("mindspore", ...paths, note, other) as { name: string }[][];
      // The reader of safetensors gives them in an order of its own.
      const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
      expect(found.pop()!.sort(byName)).to.deep.equal(ours([...tensors, inPairs].toSorted(byName)));
      expect(found).to.deep.equal([...paths.map(() => ours([...tensors, inPairs])), [{ name: "note", text: "größe" }]]);
    });

    it("NumPy loads npz, bf16 as bits", () => {
      const path = write(writeNpz(tensors, { name: "all.npz" }));
      expect(read("numpy", path)).to.deep.equal([ours(tensors)]);
    });

    it("what MindSpore and NumPy write is read", async () => {
      const [path, archive, packed] = [join(folder, "theirs.ckpt"), join(folder, "theirs.npz"), join(folder, "packed.npz")] as const;
      const written = read("write", path, archive, packed) as object[];
      for (const file of [path, archive, packed]) {
        const { tensors: found } = await openWeights(file);
        expect(ours([...found.values()])).to.deep.equal(written);
      }
    });
  }

  if (protoc === undefined) console.log("left out: checkpoints read by protoc (it is not installed)");
  else
    it("protoc finds the fields of checkpoints", () => {
      const bytes = joined(writeCheckpoint([tensorOf("a", "f32", [2, 3]), textOf("note", "x")], { name: "a" }).files[0].content);
      const text = execFileSync(protoc, ["--decode_raw"], { input: bytes, encoding: "utf8" });
      expect(text.match(/^1 \{$/gm)).to.have.length(2);
      expect(text).to.match(/^1 \{\n {2}1: "a"\n {2}2 \{\n {4}1: 2\n {4}1: 3\n {4}2: "Float32"\n {4}3: /);
      expect(text).to.match(/1: "note"\n {2}2 \{\n {4}1: 0\n {4}2: "str"\n {4}3: "x\\000\\000\\000"/);
    });

  it("writes nothing that its reader changes", async () => {
    const path = write(writeCheckpoint(tensors, { name: "same.ckpt" }));
    expect(plain((await openWeights(path)).tensors.values())).to.deep.equal(plain(tensors));
  });
});
