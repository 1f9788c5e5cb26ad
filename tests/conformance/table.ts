/** The results of all targets as `docs/conformance.md`; `docs/conformance.json` beside it keeps those of earlier runs. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "./run.ts";
import type { TestCase } from "./suite.ts";

export interface Counts {
  pass: number;
  unsupported: number;
  fail: number;
}

/** What is kept of one target's run. */
export interface TargetRecord {
  readonly counts: Counts;
  /** Passes with inputs fixed at compile time, and those whose random results were compared by type only. */
  readonly fixed: number;
  readonly random: number;
  readonly subjects: Record<string, Counts>;
  /** By reason, the tests. */
  readonly unsupported: Record<string, string[]>;
  readonly fail: Record<string, string>;
}

const folder = "docs";
const dataFile = join(folder, "conformance.json");
const tableFile = join(folder, "conformance.md");

export const noCounts = (): Counts => ({ pass: 0, unsupported: 0, fail: 0 });

const number = (n: number): string => n.toLocaleString("en-US");

/** `1,034 pass, 30 unsupported, 8 fail` */
export const countsText = (c: Counts): string => `${number(c.pass)} pass, ${number(c.unsupported)} unsupported, ${number(c.fail)} fail`;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The same whatever order the tests ended in. */
export function recordOf(results: readonly (readonly [TestCase, Outcome])[]): TargetRecord {
  const record: TargetRecord = { counts: noCounts(), fixed: 0, random: 0, subjects: {}, unsupported: {}, fail: {} };
  let [fixed, random] = [0, 0];
  for (const [test, { result, reason = "unknown", fixed: inputs = [], isRandom }] of [...results].sort(([a], [b]) =>
    byName(a.name, b.name),
  )) {
    record.counts[result]++;
    (record.subjects[test.subject] ??= noCounts())[result]++;
    if (result === "unsupported") (record.unsupported[reason] ??= []).push(test.name);
    if (result === "fail") record.fail[test.name] = reason;
    if (result === "pass" && inputs.length > 0) fixed++;
    if (result === "pass" && isRandom) random++;
  }
  const subjects = Object.fromEntries(Object.entries(record.subjects).sort(([a], [b]) => byName(a, b)));
  return { ...record, subjects, fixed, random };
}

const readRecords = (): Record<string, TargetRecord> =>
  existsSync(dataFile) ? (JSON.parse(readFileSync(dataFile, "utf8")) as Record<string, TargetRecord>) : {};

/** Whether the table has the target. */
export const isRecorded = (target: string): boolean => target in readRecords();

/**
 * What makes an outcome worse than when the table was last made: a failure of a test that did not fail, a refusal of one that
 * passed. A target that the table does not have is held to the failures on JavaScript alone.
 */
export function regressionsOn(target: string): (name: string, outcome: Outcome) => boolean {
  const records = readRecords();
  const failed = new Set(Object.keys((records[target] ?? records["js"])!.fail));
  const refused = new Set(Object.values(records[target]?.unsupported ?? {}).flat());
  return (name, { result }) =>
    result === "fail" ? !failed.has(name) : result === "unsupported" && target in records && !failed.has(name) && !refused.has(name);
}

/** Puts the run of a target into the files. */
export function saveRecord(target: string, record: TargetRecord): void {
  const all = readRecords();
  all[target] = record;
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(dataFile, `${JSON.stringify(sorted, null, 1)}\n`);
  writeFileSync(tableFile, tableText(sorted));
}

/** The document: totals, a row per operator, then what is unsupported and what fails. */
export function tableText(all: Readonly<Record<string, TargetRecord>>): string {
  return [
    "# Conformance",
    "",
    "ONNX's own tests (`onnx/backend/test/data` of the `onnx` 1.22.0 wheel) on each target, and through files of each format,",
    "which are written, read back and run (in `ms`, ops that MindSpore Lite lacks are Custom nodes). Made by",
    "`npm run conformance -- --target TARGET`; not edited by hand.",
    "",
    ...totals(all),
    "",
    "Some tests give shapes, axes or the like as inputs that must be known when the model is compiled; they are fixed then",
    "from the test's own data. Results that are drawn at random are compared by type and shape alone.",
    "",
    "## By operator",
    "",
    ...operatorRows(all),
    ...Object.entries(all).flatMap(([target, record]) => details(target, record)),
    "",
  ].join("\n");
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

function totals(all: Readonly<Record<string, TargetRecord>>): string[] {
  const head = ["target", "pass", "of these with inputs fixed", "of these by type only", "unsupported", "fail"];
  const rows = Object.entries(all).map(([target, { counts, fixed, random }]) =>
    row([target, number(counts.pass), number(fixed), number(random), number(counts.unsupported), number(counts.fail)]),
  );
  return [row(head), row(head.map(() => "---")), ...rows];
}

function operatorRows(all: Readonly<Record<string, TargetRecord>>): string[] {
  const subjects = [...new Set(Object.values(all).flatMap((r) => Object.keys(r.subjects)))].sort();
  const head = ["operator", ...Object.keys(all)];
  const rows = subjects.map((s) => row([cell(s), ...Object.values(all).map((r) => countsCell(r.subjects[s]))]));
  return [row(head), row(head.map(() => "---")), ...rows];
}

function countsCell(c: Counts | undefined): string {
  if (!c) return "";
  const parts = [c.unsupported > 0 ? `${c.unsupported} unsupported` : "", c.fail > 0 ? `${c.fail} fail` : ""].filter((p) => p !== "");
  if (c.pass > 0) parts.unshift(String(c.pass));
  return parts.join(", ");
}

function details(target: string, record: TargetRecord): string[] {
  const unsupported = Object.entries(record.unsupported).sort(([, a], [, b]) => b.length - a.length);
  const failed = Object.entries(record.fail).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...section(
      `Unsupported on ${target}`,
      ["tests", "reason", "for example"],
      unsupported.map(([reason, tests]) => row([tests.length, cell(reason), `\`${tests[0] ?? ""}\``])),
    ),
    ...section(
      `Failing on ${target}`,
      ["test", "reason"],
      failed.map(([test, reason]) => row([`\`${test}\``, cell(reason)])),
    ),
  ];
}

const section = (title: string, head: readonly string[], rows: readonly string[]): string[] =>
  rows.length === 0 ? [] : ["", `## ${title}`, "", row(head), row(head.map(() => "---")), ...rows];
