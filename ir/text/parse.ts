/**
 * Text (`.sir`) to graph. One run reports every mistake, each with its line and column; text that is wrong never gives
 * a graph.
 */
import type { Constant } from "../attribute.ts";
import { EOF, type IRecognitionException, type IToken } from "chevrotain";
import { CompileError, type Diagnostic, Diagnostics } from "../diagnostic.ts";
import type { Graph } from "../graph.ts";
import type { Location } from "../location.ts";
import "../ops/index.ts";
import { GraphBuilder } from "./build.ts";
import { parseTokens } from "./grammar.ts";
import { lexer, placeTokens } from "./tokens.ts";
import type { WeightReader } from "./values.ts";

export interface ParseOptions {
  /** Reads the constants that lie in a file beside the text. Errors are `CompileError`s. Without it such text is refused. */
  readonly readWeights?: WeightReader;
  /** Extents by name that are numbers from now on. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Inputs by name that are constants from now on. */
  readonly inputValues?: ReadonlyMap<string, Constant>;
}

/** Brackets in brackets, deeper than any model's: two for each region in a region. */
const nestingLimit = 256;
/** More errors than this say nothing new. */
const errorLimit = 100;

/** The graph that the text says; `source` names it in locations. Throws a `CompileError` with everything that is wrong. */
export function parseGraph(text: string, source: string, options: ParseOptions = {}): Graph {
  const unread = new Diagnostics();
  const lexed = lexer.tokenize(text);
  for (const e of lexed.errors) {
    unread.error("syntax", { source, line: e.line ?? 1, column: e.column ?? 1 }, `unexpected ${unreadable(text, e.offset)}`);
  }
  const tooDeep = placeTokens(lexed.tokens, nestingLimit);
  if (tooDeep) throw CompileError.of("limit", at(tooDeep, source), `brackets are nested more than ${nestingLimit} deep`);
  const { graph: syntax, errors } = parseTokens(lexed.tokens);
  for (const e of errors) unread.report(describe(e, source, lexed.tokens));
  const diagnostics = new Diagnostics();
  firstOfLines(unread.list).forEach((d) => {
    diagnostics.report(d);
  });
  const isPartial = diagnostics.errors.length > 0;
  const graph = syntax && new GraphBuilder(diagnostics, { ...options, source, isPartial }).build(syntax);
  if (diagnostics.errors.length > 0 || !graph) throw new CompileError(inOrder(diagnostics.list));
  return graph;
}

const at = (t: IToken, source: string): Location => ({ source, line: t.startLine!, column: t.startColumn! });

function unreadable(text: string, offset: number): string {
  const c = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  if (c === '"') return "'\"': the string does not end in its line";
  if (c === "%" || c === "@") return `'${c}' without a name`;
  return /[^\x20-\x7e]/u.test(c) ? `character U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}` : `'${c}'`;
}

/** What was expected and what was found; at a line's end when the rest of the line is missing. */
function describe(e: IRecognitionException, source: string, tokens: readonly IToken[]): Diagnostic {
  const previous = previousOf(e) ?? (e.token.tokenType === EOF ? tokens.at(-1) : undefined);
  const isEof = e.token.tokenType === EOF;
  const isBroken = previous !== undefined && (isEof || previous.startLine !== e.token.startLine) && e.message !== "an op, 'return' or '}'";
  const location = isBroken
    ? { source, line: previous.startLine!, column: previous.startColumn! + previous.image.length }
    : isEof
      ? { source, line: 1, column: 1 }
      : at(e.token, source);
  const found = isEof ? "the end of the file" : isBroken ? "the end of the line" : `'${e.token.image}'`;
  return {
    severity: "error",
    code: "syntax",
    location,
    message: `unexpected ${found.replace(/^the /, "")}`,
    expected: e.message,
    received: found,
  };
}

const previousOf = (e: IRecognitionException): IToken | undefined => {
  const { previousToken } = e as IRecognitionException & { previousToken?: IToken };
  return previousToken && previousToken.tokenType !== EOF ? previousToken : undefined;
};

const line = (d: Diagnostic): number => d.location.line ?? 0;
const byPlace = (list: readonly Diagnostic[]): Diagnostic[] =>
  [...list].sort((a, b) => line(a) - line(b) || (a.location.column ?? 0) - (b.location.column ?? 0));

/** What follows the first error of a line mostly follows from it. */
function firstOfLines(list: readonly Diagnostic[]): Diagnostic[] {
  const lines = new Set<number>();
  return byPlace(list).filter((d) => !lines.has(line(d)) && lines.add(line(d)));
}

/** By place, and no more than the limit. */
function inOrder(list: readonly Diagnostic[]): Diagnostic[] {
  const sorted = byPlace(list);
  if (sorted.length <= errorLimit) return sorted;
  const more = sorted.length - errorLimit;
  return [
    ...sorted.slice(0, errorLimit),
    { severity: "note", code: "limit", location: sorted[errorLimit]!.location, message: `${more} more errors are not shown` },
  ];
}
