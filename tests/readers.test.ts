import { expect } from "chai";
import { createCipheriv } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync, writeSync, closeSync, ftruncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { FileSource } from "../frontend/bytes.ts";
import { detectFormat } from "../frontend/detect.ts";
import type { MindirModel } from "../frontend/mindir/messages.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { mindirTensorValue } from "../frontend/mindir/tensor-data.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import { MemorySource, readData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { ascii, encodeMessage, field, varint } from "./messages.ts";
import { tryMutations } from "./mutations.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

const key = new TextEncoder().encode("0123456789ABCDEF");

/** "code byte" of the only diagnostic. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    const [first] = e.diagnostics;
    return `${first?.code} ${first?.location.path ?? ""}`.trim();
  }
  return "accepted";
}

const onnxOf = (bytes: ArrayLike<number>): (() => unknown) => {
  const source = new MemorySource("bad.onnx", Uint8Array.from(bytes));
  return () => readOnnx(source);
};

/** Everything that is read lazily, read. */
function readOnnxWhole(bytes: Uint8Array): void {
  for (const t of readOnnx(new MemorySource("a.onnx", bytes)).graph.initializer) readData(onnxTensorValue(t, { source: "a.onnx" }).data);
}

function readMindirWhole(bytes: Uint8Array): void {
  const { graph } = readMindir(new MemorySource("a.mindir", bytes), { key });
  for (const t of graph.parameter) readData(mindirTensorValue(t, { source: "a.mindir" }).data);
}

describe("readers of malformed bytes", () => {
  const deep = (levels: number): number[] => {
    let graph: number[] = [];
    for (let i = 0; i < levels; i++) graph = field(1, field(5, field(6, graph)));
    return field(7, graph);
  };
  const cases: readonly (readonly [string, ArrayLike<number>, string])[] = [
    ["nothing", [], "syntax byte 0"],
    ["text", ascii("this is not a model"), "syntax byte 0"],
    ["a cut integer", [0x08, 0x80], "truncated byte 2"],
    ["an integer of eleven bytes", [0x08, ...Array.from({ length: 10 }, () => 0x80), 1], "syntax byte 1"],
    ["a length past the end", [0x3a, 0x05, 0x0a], "truncated byte 1"],
    ["a length of 2^63", [0x3a, ...Array.from({ length: 9 }, () => 0xff), 1], "truncated byte 1"],
    ["a wrong wire type", [0x3d, 0, 0, 0, 0], "syntax byte 0"],
    ["a group", [0x0b, 0x0c], "syntax byte 0"],
    ["field number 0", [0x02, 0x00], "syntax byte 0"],
    ["a field longer than its message", field(7, [0x12, 0x05, 0x61]), "truncated byte 3"],
    ["a name that is not UTF-8", field(7, field(2, [0xc3, 0x28])), "syntax byte 3"],
    ["an extent beyond 2^53", field(7, field(5, [0x08, ...Array.from({ length: 8 }, () => 0xff), 0x7f])), "limit byte 14"],
    ["a packed float list of odd size", field(7, field(1, field(5, field(7, [1, 2, 3])))), "truncated byte 8"],
    ["graphs 20 deep", deep(20), "accepted"],
    ["graphs 200 deep", deep(200), "limit"],
  ];
  for (const [name, bytes, expected] of cases)
    it(`${name}: ${expected}`, () => expect(refusal(onnxOf(bytes)).slice(0, expected.length)).to.equal(expected));

  it("accepts fields in any order, unknown fields, packed and unpacked scalars, and merges a graph that comes twice", () => {
    const node = field(1, field(5, [...field(8, [1, 2]), 0x40, 3, ...field(99, [7]), 0xa0, 0x01, 7]));
    const bytes = [...field(7, [...field(2, ascii("g")), ...node]), ...field(7, node), 0x08, 8];
    const model = readOnnx(new MemorySource("m", Uint8Array.from(bytes)));
    expect(model.irVersion).to.equal(8);
    expect(model.graph.name).to.equal("g");
    expect(model.graph.node.map((n) => n.attribute[0]?.ints)).to.deep.equal([
      [1n, 2n, 3n],
      [1n, 2n, 3n],
    ]);
    expect(model.graph.node[0]?.attribute[0]?.type).to.equal(7);
    expect(model.graph.input).to.deep.equal([]);
  });

  it("reads negative and 64-bit attributes exactly", () => {
    const attribute = { name: "a", i: "-9223372036854775808", ints: ["9223372036854775807", -1, 0], f: 0.5 };
    const bytes = encodeMessage("onnx.proto", "onnx.ModelProto", { graph: { node: [{ opType: "X", attribute: [attribute] }] } });
    const read = readOnnx(new MemorySource("m", bytes)).graph.node[0]?.attribute[0];
    expect(read?.i).to.equal(-(2n ** 63n));
    expect(read?.ints).to.deep.equal([2n ** 63n - 1n, -1n, 0n]);
    expect(read?.f).to.equal(0.5);
    expect(read).not.to.have.property("s");
  });

  it("tells formats apart by content", () => {
    const detect = (bytes: ArrayLike<number>): string | undefined => detectFormat(new MemorySource("m", Uint8Array.from(bytes)));
    expect(detect(ascii("// a comment\ngraph @main() -> () {\n}\n"))).to.equal("sir");
    expect(detect([0x08, 8, ...field(7, []), ...field(8, [0x10, 13])])).to.equal("onnx");
    expect(detect([0x08, 4, ...field(2, ascii("MindSpore")), ...field(7, [])])).to.equal("mindir");
    expect(detect([...field(1, ascii("0.1.0")), ...field(7, [])])).to.equal("mindir");
    expect(detect(ascii("hello"))).to.equal(undefined);
    expect(detect([])).to.equal(undefined);
  });

  it("keeps only the last member of a oneof", () => {
    const dim = [...varint(8), 3, ...field(2, ascii("n"))];
    const bytes = field(7, field(11, field(2, field(1, field(2, field(1, dim))))));
    const type = readOnnx(new MemorySource("m", Uint8Array.from(bytes))).graph.input[0]?.type;
    expect(type?.tensorType?.shape?.dim).to.deep.equal([{ dimParam: "n", denotation: "" }]);
  });

  it("refuses a missing file and a folder", () => {
    expect(refusal(() => new FileSource("no/such/file"))).to.equal("usage");
    expect(refusal(() => new FileSource("."))).to.equal("usage");
  });
});

describe("files of more than 2 GiB", () => {
  it("are read by position, payloads only when asked for", function () {
    this.timeout(30000);
    const folder = mkdtempSync(join(tmpdir(), "sinter-"));
    const path = join(folder, "large.onnx");
    const size = 2 ** 31 + 64;
    const tensor = [...varint(8), ...varint(size), ...varint(16), 2, ...varint(0x4a), ...varint(size)];
    const total = tensor.length + size;
    const head = [...varint(0x3a), ...varint(total + 3 + varint(total).length + 1), ...varint(0x2a), ...varint(total), ...tensor];
    const descriptor = openSync(path, "w");
    try {
      writeSync(descriptor, Uint8Array.from(head));
      writeSync(descriptor, Uint8Array.from([9, ...field(2, ascii("g")), 0x08, 7]), 0, undefined, head.length + size - 1);
      ftruncateSync(descriptor, head.length + size + 5);
      const model = readOnnx(new FileSource(path));
      expect(model.irVersion).to.equal(7);
      const { data } = onnxTensorValue(model.graph.initializer[0] ?? expect.fail("no tensor"), { source: path });
      expect(data.byteLength).to.equal(size);
      expect([...data.source.read(data.offset + size - 2, 2)]).to.deep.equal([0, 9]);
    } finally {
      closeSync(descriptor);
      rmSync(folder, { recursive: true });
    }
  });
});

describe("encrypted MindIR", () => {
  const plain = encodeMessage("mind_ir.proto", "mind_ir.ModelProto", {
    irVersion: "0.1.1",
    graph: { name: "g", node: [{ opType: "ReLU" }] },
  });
  const int32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];

  function block(mode: "gcm" | "cbc", content: Uint8Array, isTagged: boolean): number[] {
    const iv = Uint8Array.from({ length: 16 }, (_, i) => i * 7);
    const cipher = createCipheriv(`aes-128-${mode}`, key, mode === "gcm" ? iv.subarray(0, 12) : iv);
    const data = [...cipher.update(content), ...cipher.final()];
    const tag = isTagged ? [...(cipher as unknown as { getAuthTag(): Uint8Array }).getAuthTag()] : [];
    return [
      mode === "gcm" ? 0xd8 : 0xd9,
      0x5e,
      0x3a,
      0x7f,
      ...tag,
      ...int32(24 + data.length),
      ...int32(16),
      ...iv,
      ...int32(data.length),
      ...data,
    ];
  }

  const forms = { "AES-GCM": ["gcm", true], "AES-GCM without tags": ["gcm", false], "AES-CBC": ["cbc", false] } as const;
  for (const [name, [mode, isTagged]] of Object.entries(forms))
    it(`${name}: several blocks, a missing key, a wrong key, a cut file`, () => {
      const pieces = [plain.subarray(0, 9), plain.subarray(9, 25), plain.subarray(25)];
      const bytes = Uint8Array.from(pieces.flatMap((p) => block(mode, p, isTagged)));
      const read = (given?: Uint8Array, length = bytes.length): MindirModel =>
        readMindir(new MemorySource("e.mindir", bytes.slice(0, length)), { key: given });
      expect(read(key).graph.node[0]?.opType).to.equal("ReLU");
      expect(refusal(() => read())).to.equal("encrypted");
      expect(refusal(() => read(key.map((b) => b ^ 1)))).to.equal("encrypted");
      expect(refusal(() => read(key.subarray(1)))).to.equal("encrypted");
      expect(refusal(() => read(key, bytes.length - 3)).split(" ")[0]).to.equal("truncated");
    });
});

describe("damaged files", () => {
  const digits = ["examples/digits/digits.onnx", "examples/digits/digits.mindir"];
  const attempt = (name: string, bytes: Uint8Array): void => (name.endsWith(".onnx") ? readOnnxWhole(bytes) : readMindirWhole(bytes));

  it("give a diagnostic or a result, soon and in little memory", function () {
    this.timeout(120000);
    const files = digits.map((name) => ({ name, bytes: Uint8Array.from(readFileSync(name)) }));
    withSharedModels("mutations of the shared models", (folder) => {
      for (const name of [
        "mindir/control_flow_if_while.mindir",
        "mindir/old_version_mindir_2.mindir",
        "mindir/lenet5_encrypted_aes-cbc.mindir",
        "mindir/unet_small.onnx",
      ])
        files.push({ name, bytes: Uint8Array.from(readFileSync(join(folder, name))) });
    });
    const report = tryMutations(files, 3000, 1, attempt);
    expect(report.failures).to.deep.equal([]);
    expect(report.peakBytes).to.be.lessThan(2 ** 30);
    expect(report.refused).to.be.greaterThan(report.tried / 4);
  });
});

withSharedModels("the readers on real models", (folder) =>
  describe("the readers on real models", () => {
    for (const path of filesIn(join(folder, "mindir"), ".mindir"))
      it(basename(path), () => {
        const source = new FileSource(path);
        expect(detectFormat(source)).to.equal("mindir");
        const { graph, primitives } = readMindir(source, { key });
        expect(graph.node.length).to.be.greaterThan(0);
        const names = new Set(primitives.map((p) => `REF::${p.name}`));
        for (const n of graph.node) if (/^REF::\w+:\d+$/.test(n.opType)) expect(names.has(n.opType), n.opType).to.equal(true);
        for (const t of graph.parameter) expect(readData(mindirTensorValue(t, { source: path }).data).length).to.be.greaterThan(0);
      });
    for (const path of filesIn(join(folder, "mindir"), ".onnx"))
      it(basename(path), () => {
        expect(detectFormat(new FileSource(path))).to.equal("onnx");
        readOnnxWhole(Uint8Array.from(readFileSync(path)));
      });
    it("gradient graphs; the one that a merge conflict was committed into is refused", () => {
      const refused = filesIn(join(folder, "mindir-bprop"), ".mindir").filter(
        (path) => refusal(() => readMindir(new FileSource(path))) !== "accepted",
      );
      expect(refused.map((path) => basename(path))).to.deep.equal(["a67e9743_IsFinite_bprop.mindir"]);
    });
    it("encrypted files say so without a key and with a wrong one", () => {
      for (const path of filesIn(join(folder, "mindir"), ".mindir").filter((p) => /encr/.test(p) && !p.includes("no_encr"))) {
        expect(refusal(() => readMindir(new FileSource(path)))).to.equal("encrypted");
        expect(refusal(() => readMindir(new FileSource(path), { key: key.map((b) => b + 1) }))).to.equal("encrypted");
      }
    });
    it("the other formats are told apart", () => {
      const formats = { ".ckpt": "checkpoint", ".ms": "mslite", ".om": "air", ".modeldef.pb": "air", ".weights.bin": undefined };
      for (const sub of ["ckpt", "ms", "air"])
        for (const [extension, format] of Object.entries(formats))
          for (const path of filesIn(join(folder, sub), extension)) expect(detectFormat(new FileSource(path)), path).to.equal(format);
    });
  }),
);
