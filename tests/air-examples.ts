/** Small AIR models of what networks rarely have: blocked tensors, branches, loops. */
import { constant, data, modelBytes, op, type GraphMessage } from "./air-messages.ts";

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Elements of `plain` [2, 20, 2, 3] by their place in a blocked tensor; zero outside. */
const elementAt =
  (plain: readonly number[]) =>
  (n: number, c: number, h: number, w: number): number =>
    c < 20 && n < 2 ? plain[((n * 20 + c) * 2 + h) * 3 + w]! : 0;

/** The same image in plain order and as [n, c / 16, h, w, 16]. */
export function blockedImage(): { readonly plain: readonly number[]; readonly five: readonly number[] } {
  const plain = count(2 * 20 * 2 * 3);
  const at = elementAt(plain);
  const five = Array.from({ length: 384 }, (_, i) =>
    at(Math.floor(i / 192), (Math.floor(i / 96) % 2) * 16 + (i % 16), Math.floor(i / 48) % 2, Math.floor(i / 16) % 3),
  );
  return { plain, five };
}

/** The matrix 1, 2, ... of 20 x 3 in squares of 16. */
export const squares = (): number[] =>
  Array.from({ length: 512 }, (_, i) => {
    const [m, n] = [Math.floor(i / 16), i % 16];
    return m < 20 && n < 3 ? m * 3 + n + 1 : 0;
  });

/** An input and three constants, each blocked in its way; the outputs are their negatives. */
export function blockedModel(): Uint8Array<ArrayBuffer> {
  const { plain, five } = blockedImage();
  const at = elementAt(plain);
  const fractal = Array.from({ length: 12 * 256 }, (_, i) => {
    const k = Math.floor(i / 256);
    return at(Math.floor(i / 16) % 16, Math.floor(k / 6) * 16 + (i % 16), Math.floor((k % 6) / 3), k % 3);
  });
  const image = (layout: string) => ({ layout, origin: ["NCHW", [2, 20, 2, 3]] as const });
  return modelBytes({
    op: [
      data("x", 0, [2, 2, 2, 3, 16], "f32", image("NC1HWC0")),
      constant("a", [2, 2, 2, 3, 16], five, "f32", image("NC1HWC0")),
      constant("b", [12, 1, 16, 16], fractal, "f32", image("FRACTAL_Z")),
      constant("c", [1, 2, 16, 16], squares(), "f32", { layout: "FRACTAL_NZ", origin: ["ND", [20, 3]] }),
      op("t", "TransData", ["x:0"], { src_format: "NC1HWC0", dst_format: "NCHW" }),
      ...["a", "b", "c", "t"].map((name) => op(`${name}2`, "Neg", [`${name}:0`])),
    ],
    output: ["a2:0", "b2:0", "c2:0", "t2:0"],
  });
}

const branch = (name: string, type: string): GraphMessage => ({
  name,
  op: [data("a", 0, [2]), data("b", 1, [2]), op("r", type, ["a:0", "b:0"])],
  output: ["r:0"],
});

/** `type` is Case, of a number, or If, of a bool; the graphs add, sub and mul may be named. */
export function choosingModel(type: "Case" | "If" = "Case", subgraphName = ["add", "sub", "mul"]): Uint8Array<ArrayBuffer> {
  const which = data("which", 0, [], type === "If" ? "bool" : "i32");
  const chosen = op("z", type, ["which:0", "x:0", "y:0"], {}, undefined, { subgraphName });
  const main = { op: [which, data("x", 1, [2]), data("y", 2, [2]), chosen], output: ["z:0"] };
  return modelBytes(main, branch("add", "Add"), branch("sub", "Sub"), branch("mul", "Mul"));
}

/** Doubles `v` until `i`, which grows by one, is five. */
export function loopingModel(): Uint8Array<ArrayBuffer> {
  const inputs = [data("i", 0, [], "i32"), data("v", 1, [2])];
  const ops = {
    cond: [...inputs, constant("n", [], [5], "i32"), op("less", "Less", ["i:0", "n:0"])],
    body: [...inputs, constant("one", [], [1], "i32"), op("next", "Add", ["i:0", "one:0"]), op("w", "Add", ["v:0", "v:0"])],
  };
  const main = { op: [...inputs, op("z", "While", ["i:0", "v:0"], {}, undefined, { subgraphName: ["cond", "body"] })], output: ["z:1"] };
  return modelBytes(main, { name: "cond", op: ops.cond, output: ["less:0"] }, { name: "body", op: ops.body, output: ["next:0", "w:0"] });
}
