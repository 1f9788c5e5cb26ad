/**
 * Which element types the calls of the tensor DSL take on which chip, in static shapes. Facts of CANN's dtype table
 * (`dsl_dtype_support`), for the calls and types that we print.
 */

/** Element types by the DSL's names; `bool` is the result of comparisons and never in memory. */
export type TbeType = "float16" | "float32" | "int32" | "bool";

export const socs = ["Ascend310", "Ascend910"] as const;
export type Soc = (typeof socs)[number];

const half: readonly TbeType[] = ["float16"];
const floats: readonly TbeType[] = ["float16", "float32"];
const numbers: readonly TbeType[] = ["float16", "float32", "int32"];
const none: readonly TbeType[] = [];

const onBoth = {
  broadcast: numbers,
  sum: numbers,
  reduce_max: numbers,
  reduce_min: numbers,
  reduce_prod: numbers,
  vadd: numbers,
  vsub: numbers,
  vmul: numbers,
  vmax: numbers,
  vmin: numbers,
  vadds: numbers,
  vmuls: numbers,
  vmaxs: numbers,
  vmins: numbers,
  vdiv: floats,
  vabs: floats,
  vsqrt: floats,
  vrelu: half,
  vlogic: ["bool"] as readonly TbeType[],
  matmul: half,
  conv: half,
};

/** Calls that differ: floats of 32 bits on 910 alone, nothing at all on 310. */
const on910 = { vexp: floats, vlog: floats, vcmp: floats, vsel: floats, floor: floats, ceil: floats, round: floats, trunc: floats };
const on310 = { vexp: half, vlog: half, vcmp: half, vsel: half, floor: half, ceil: half, round: half, trunc: none };

export type Call = keyof typeof onBoth | keyof typeof on910;

const tables: Record<Soc, Record<Call, readonly TbeType[]>> = {
  Ascend310: { ...onBoth, ...on310 },
  Ascend910: { ...onBoth, ...on910 },
};

export const takes = (soc: Soc, call: Call, type: TbeType): boolean => tables[soc][call].includes(type);
