/**
 * Draws the sample digits with their labels and what a model took them for: `node build/examples/digits/show.js DIR`,
 * where DIR/output_0.npy holds the logits f32[12,10] that `sinter run` wrote.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../examples/digits/", import.meta.url));
const perLine = 6;

/** The data of a version 1 `.npy` file, as its own copy, so that typed arrays can be laid over it. */
function npyData(file: string): ArrayBuffer {
  const bytes = readFileSync(file);
  return new Uint8Array(bytes.subarray(10 + bytes.readUInt16LE(8))).buffer;
}

const images = new Float32Array(npyData(join(folder, "images.npy")));
const labels = [...new BigInt64Array(npyData(join(folder, "labels.npy")))].map(Number);
const logits = new Float32Array(npyData(join(process.argv[2] ?? ".", "output_0.npy")));

const shade = (value: number): string => " .:-=+*#%@"[Math.round(value * 9)]!.repeat(2);
const imageRow = (image: number, row: number): string =>
  [...images.subarray(image * 64 + row * 8, image * 64 + row * 8 + 8)].map(shade).join("");

/** The digit with the highest logit, and its probability. */
function predict(image: number): { digit: number; probability: number } {
  const row = [...logits.subarray(image * 10, image * 10 + 10)];
  const best = Math.max(...row);
  return { digit: row.indexOf(best), probability: 1 / row.reduce((sum, logit) => sum + Math.exp(logit - best), 0) };
}

/** One column of text per image. */
const columns = (members: readonly number[], text: (image: number) => string): string =>
  members.map((image) => text(image).padEnd(16)).join("  ");

function printLine(members: readonly number[]): void {
  for (let row = 0; row < 8; row++) console.log(columns(members, (image) => imageRow(image, row)));
  console.log(columns(members, (image) => `label ${labels[image]!}`));
  console.log(columns(members, (image) => `sinter ${predict(image).digit} (${(predict(image).probability * 100).toFixed(0)} %)`));
  console.log();
}

const indices = labels.map((_, image) => image);
for (let first = 0; first < indices.length; first += perLine) printLine(indices.slice(first, first + perLine));
const right = indices.filter((image) => predict(image).digit === labels[image]).length;
console.log(`${right} of ${labels.length} right`);
process.exitCode = right === labels.length ? 0 : 1;
