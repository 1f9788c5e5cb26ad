/**
 * Writes the manual of operators, `docs/ops/<family>.md` and an index, from their definitions: `npm run docs`.
 * A family is a file of `ir/ops`; an operator belongs to the file that exports its definition.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attribute, AttributeKind } from "../ir/attribute.ts";
import { type AnyOpDefinition, allOps, type AttributeSpecs, type OperandSpecs } from "../ir/define.ts";
import type { Dim } from "../ir/dim.ts";
import { formatDim } from "../ir/dim-text.ts";

const compiled = new URL("../ir/ops/", import.meta.url);
const out = fileURLToPath(new URL("../../docs/ops/", import.meta.url));

interface Family {
  readonly name: string;
  readonly ops: readonly AnyOpDefinition[];
}

/** An export, and what it holds where it is a table of definitions. */
const withMembers = (exported: unknown): readonly unknown[] =>
  typeof exported === "object" && exported !== null ? [exported, ...(Object.values(exported) as readonly unknown[])] : [];

async function readFamilies(): Promise<readonly Family[]> {
  const files = readdirSync(compiled).filter((file) => file.endsWith(".js") && file !== "index.js");
  const exportsOf = new Map<string, ReadonlySet<unknown>>();
  for (const file of files) {
    const module = (await import(new URL(file, compiled).href)) as Record<string, unknown>;
    exportsOf.set(file.replace(/\.js$/, ""), new Set(Object.values(module).flatMap(withMembers)));
  }
  const families = [...exportsOf].map(([name, exported]) => ({ name, ops: allOps().filter((op) => exported.has(op)) }));
  const listed = new Set(families.flatMap((family) => family.ops));
  return [...families, { name: "other", ops: allOps().filter((op) => !listed.has(op)) }].filter((family) => family.ops.length > 0);
}

const arities = { one: "", optional: ", may be left out", many: ", any number" } as const;

/** Where an operand or a result is a tensor there is nothing to say; sequences and the like are the exception. */
const operandLines = (operands: OperandSpecs): string[] =>
  Object.entries(operands).map(
    ([name, { arity, accepts }]) => `- operand \`${name}\`${accepts === "any" ? ": a value of any kind" : ""}${arities[arity]}`,
  );

const isSize = (kind: AttributeKind): boolean => kind === "dim" || kind === "dims" || kind === "pairs";

function formatFallback(kind: AttributeKind, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v: unknown) => formatFallback(kind, v)).join(", ")}]`;
  if (isSize(kind)) return formatDim(value as Dim);
  return typeof value === "string" && kind !== "dtype" ? JSON.stringify(value) : String(value);
}

function attributeLine([name, attribute]: readonly [string, Attribute<unknown>]): string {
  const { kind, choices, fallback, optional, doc } = attribute;
  const values = choices ? choices.map((choice) => `"${choice}"`).join(" or ") : kind;
  const absent = optional ? ", may be left out" : "";
  const byDefault = fallback === undefined ? absent : `, default ${formatFallback(kind, fallback)}`;
  return `- attribute \`${name}\`: ${values}${byDefault}${doc === undefined ? "" : `. ${doc}`}`;
}

const meanings = {
  compute: "stages",
  decompose: "other ops",
  routine: "a routine",
  structural: "part of the program's structure",
} as const;
type Meaning = keyof typeof meanings;

function meaningLine(op: AnyOpDefinition): string {
  const key = (Object.keys(meanings) as Meaning[]).find((name) => op[name] !== undefined);
  return `- lowered as ${key ? meanings[key] : "nothing"}${op.impure ? "; impure" : ""}`;
}

function opSection(op: AnyOpDefinition): string {
  const results = (op.results ?? ["y"]).map((name) => `- result \`${name}\``);
  const attributes = Object.entries(op.attributes as AttributeSpecs).map((entry) => attributeLine(entry));
  return [
    `## ${op.name}`,
    "",
    op.summary,
    "",
    ...operandLines(op.operands as OperandSpecs),
    ...results,
    ...attributes,
    meaningLine(op),
    "",
  ].join("\n");
}

const familyPage = ({ name, ops }: Family): string => [`# ${name}`, "", ...ops.map(opSection)].join("\n");

const indexLine = ({ name, ops }: Family): string =>
  `- [${name}](${name}.md): ${ops.map((op) => `[${op.name}](${name}.md#${op.name})`).join(", ")}`;

function writePages(families: readonly Family[]): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const family of families) writeFileSync(join(out, `${family.name}.md`), familyPage(family));
  const count = families.reduce((sum, family) => sum + family.ops.length, 0);
  writeFileSync(
    join(out, "README.md"),
    [`# Operators`, "", `${count} operators, by family.`, "", ...families.map(indexLine), ""].join("\n"),
  );
  console.log(`docs/ops: ${count} operators in ${families.length} families`);
}

writePages(await readFamilies());
