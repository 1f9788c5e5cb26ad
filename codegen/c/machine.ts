/** The machines that C is generated for: their vector registers and the compiler flags that name them. */
import { readFileSync } from "node:fs";
import { arch } from "node:process";
import type { ImageType } from "../../passes/block-layout/blocks.ts";
import type { Machine } from "../target.ts";

interface KnownMachine extends Machine {
  /** What the images of products of 8-bit integers become. */
  readonly image: ImageType;
  /** For gcc and clang. */
  readonly flags: readonly string[];
}

const kib = 1024;
const machine = (
  name: string,
  lanes: number,
  registers: number,
  l2: number,
  flags: readonly string[],
  image: ImageType = "i16",
): KnownMachine => ({
  name,
  lanes,
  registers,
  image,
  l1: 32 * kib,
  l2: l2 * kib,
  flags,
});

/** Plain C11 for any compiler is `generic`. Those with `vnni` and `dot` have instructions that add four products of bytes. */
const machines = {
  generic: machine("generic", 1, 16, 256, []),
  "x86-64-v2": machine("x86-64-v2", 4, 16, 256, ["-march=x86-64-v2"]),
  "x86-64-v3": machine("x86-64-v3", 8, 16, 512, ["-march=x86-64-v3"]),
  "x86-64-v3-vnni": machine("x86-64-v3-vnni", 8, 16, 512, ["-march=x86-64-v3", "-mavxvnni"], "u8"),
  "x86-64-v4": machine("x86-64-v4", 16, 32, 1024, ["-march=x86-64-v4", "-mprefer-vector-width=512"]),
  "x86-64-v4-vnni": machine("x86-64-v4-vnni", 16, 32, 1024, ["-march=x86-64-v4", "-mavx512vnni", "-mprefer-vector-width=512"], "u8"),
  armv8: machine("armv8", 4, 32, 512, ["-march=armv8-a"]),
  "armv8-dot": machine("armv8-dot", 4, 32, 512, ["-march=armv8.2-a+dotprod"], "i8"),
} as const;

/** The values of `--mcpu`. */
export const mcpus: readonly string[] = [...Object.keys(machines), "native"];

function known(mcpu: string): KnownMachine {
  if (mcpu === "native") return nativeMachine();
  const found = Object.entries(machines).find(([name]) => name === mcpu);
  if (!found) throw new RangeError(`'${mcpu}' is none of ${mcpus.join(", ")}`);
  return found[1];
}

/** The machine for a value of `--mcpu`; throws a `RangeError` for an unknown one. */
export const machineFor = (mcpu: string): Machine & { readonly image: ImageType } => {
  const { name, lanes, registers, image, l1, l2 } = known(mcpu);
  return { name, lanes, registers, image, l1, l2 };
};

/** Flags of the C compiler for a value of `--mcpu`. */
export const machineFlags = (mcpu: string): readonly string[] => known(mcpu).flags;

const v4 = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"];
const v3 = ["avx2", "fma", "f16c", "bmi2"];

/** The machine we run on: the largest known one whose instructions it has. */
function nativeMachine(): KnownMachine {
  const has = cpuFlags();
  if (arch === "arm64") return { ...machines[has.has("asimddp") ? "armv8-dot" : "armv8"], name: "native", flags: ["-mcpu=native"] };
  const like = v4.every((f) => has.has(f))
    ? machines[has.has("avx512_vnni") ? "x86-64-v4-vnni" : "x86-64-v4"]
    : v3.every((f) => has.has(f))
      ? machines[has.has("avx_vnni") ? "x86-64-v3-vnni" : "x86-64-v3"]
      : has.has("sse4_2")
        ? machines["x86-64-v2"]
        : machines.generic;
  if (like.name === "generic") return { ...like, name: "native" };
  return { ...like, name: "native", flags: ["-march=native", ...like.flags.filter((f) => f.startsWith("-mprefer"))] };
}

function cpuFlags(): Set<string> {
  try {
    const line = readFileSync("/proc/cpuinfo", "utf8").match(/^(?:flags|Features)\s*:(.*)$/m);
    return new Set(line?.[1]?.trim().split(/\s+/));
  } catch {
    return new Set();
  }
}
