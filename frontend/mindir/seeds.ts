/** MindSpore's random operators have two seeds, both at zero where others are drawn in each run; ours have one. */
const base = 31;

export const seedOf = (seed: number, seed2: number): number => seed * base + seed2;

export const seedsOf = (seed: number): { readonly seed: number; readonly seed2: number } => ({
  seed: Math.floor(seed / base),
  seed2: seed % base,
});
