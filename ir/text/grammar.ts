/**
 * The grammar of the text form. A statement that does not parse is reported and left out; reading goes on at the next
 * line that can start one, so that one run finds every error.
 */
import {
  EarlyExitException,
  EmbeddedActionsParser,
  EOF,
  type IParserErrorMessageProvider,
  type IRecognitionException,
  isRecognitionException,
  type IToken,
  type ParserMethod,
  type TokenType,
  tokenLabel,
} from "chevrotain";
import type {
  AttributeSyntax,
  GraphSyntax,
  InputSyntax,
  OperandSyntax,
  OpSyntax,
  ReturnSyntax,
  StatementSyntax,
  Syntax,
} from "./syntax.ts";
import * as t from "./tokens.ts";

/** The messages of syntax errors are only what was expected: the token that was found says the rest. */
const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => tokenLabel(expected),
  buildNotAllInputParsedMessage: () => "the end of the file",
  buildNoViableAltMessage: ({ expectedPathsPerAlt }) => oneOf(expectedPathsPerAlt.flatMap((paths) => paths.map((path) => path[0]))),
  buildEarlyExitMessage: ({ expectedIterationPaths }) => oneOf(expectedIterationPaths.map((path) => path[0])),
};

const oneOf = (tokens: readonly (TokenType | undefined)[]): string =>
  [...new Set(tokens.flatMap((x) => (x ? [tokenLabel(x)] : [])))].join(" or ");

type Rule<T> = ParserMethod<[], T>;
type CallSyntax = Pick<OpSyntax, "name" | "operands" | "attributes">;
type BodySyntax = Pick<GraphSyntax, "statements" | "end">;

export class SirParser extends EmbeddedActionsParser {
  constructor() {
    super(t.vocabulary, { maxLookahead: 1, errorMessageProvider: expectations });
    this.performSelfAnalysis();
  }

  /** `a`, `min(a, b)`, `f32[n]`, `sequence<...>`. */
  private readonly applied: Rule<Syntax> = this.RULE("applied", (): Syntax => {
    const at = this.CONSUME(t.Word);
    let applied: Syntax = { kind: "word", at };
    this.OPTION(() => {
      applied = this.OR<Syntax>([
        { ALT: () => ({ kind: "apply" as const, at, bracket: "(" as const, items: this.SUBRULE(this.parenthesized) }) },
        { ALT: () => ({ kind: "apply" as const, at, bracket: "[" as const, items: this.SUBRULE(this.bracketed) }) },
        { ALT: () => ({ kind: "apply" as const, at, bracket: "<" as const, items: this.SUBRULE(this.angled) }) },
      ]);
    });
    return applied;
  });

  private readonly parenthesized: Rule<Syntax[]> = this.RULE("parenthesized", (): Syntax[] => {
    const items: Syntax[] = [];
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.sum)) });
    this.CONSUME(t.RightParen);
    return items;
  });

  private readonly bracketed: Rule<Syntax[]> = this.RULE("bracketed", (): Syntax[] => {
    const items: Syntax[] = [];
    this.CONSUME(t.LeftBracket);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.sum)) });
    this.CONSUME(t.RightBracket);
    return items;
  });

  private readonly angled: Rule<Syntax[]> = this.RULE("angled", (): Syntax[] => {
    const items: Syntax[] = [];
    this.CONSUME(t.Less);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.sum)) });
    this.CONSUME(t.Greater);
    return items;
  });

  private readonly factor: Rule<Syntax> = this.RULE("factor", (): Syntax => {
    const minus = this.OPTION(() => this.CONSUME(t.Minus));
    const of = this.OR<Syntax>([
      { ALT: () => ({ kind: "number", at: this.CONSUME(t.Num) }) },
      { ALT: () => ({ kind: "string", at: this.CONSUME(t.Str) }) },
      { ALT: () => this.SUBRULE(this.applied) },
    ]);
    return minus ? { kind: "negative", at: minus, of } : of;
  });

  private readonly product: Rule<Syntax> = this.RULE("product", (): Syntax => {
    const items = [this.SUBRULE(this.factor)];
    this.MANY(() => {
      this.CONSUME(t.Star);
      items.push(this.SUBRULE2(this.factor));
    });
    return items.length === 1 ? items[0]! : { kind: "product", at: items[0]!.at, items };
  });

  private readonly sum: Rule<Syntax> = this.RULE("sum", (): Syntax => {
    const items = [this.SUBRULE(this.product)];
    const signs: ("+" | "-")[] = [];
    this.MANY(() => {
      signs.push(this.OR([{ ALT: () => (this.CONSUME(t.Plus), "+" as const) }, { ALT: () => (this.CONSUME(t.Minus), "-" as const) }]));
      items.push(this.SUBRULE2(this.product));
    });
    return items.length === 1 ? items[0]! : { kind: "sum", at: items[0]!.at, items, signs };
  });

  private readonly list: Rule<Syntax> = this.RULE("list", (): Syntax => {
    const items: Syntax[] = [];
    const at = this.CONSUME(t.LeftBracket);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.value)) });
    this.CONSUME(t.RightBracket);
    return { kind: "list", at, items };
  });

  private readonly dense: Rule<Syntax> = this.RULE("dense", (): Syntax => {
    const at = this.CONSUME(t.Dense);
    const value = this.SUBRULE(this.value);
    this.CONSUME(t.Greater);
    const type = this.OPTION(() => this.SUBRULE(this.asType));
    return { kind: "dense", at, value, type };
  });

  private readonly weight: Rule<Syntax> = this.RULE("weight", (): Syntax => {
    const at = this.CONSUME(t.Weight);
    const file = this.CONSUME(t.Str);
    this.CONSUME(t.Comma);
    const offset = this.CONSUME(t.Num);
    const hash = this.OPTION(() => {
      this.CONSUME2(t.Comma);
      return this.CONSUME2(t.Str);
    });
    this.CONSUME(t.RightParen);
    const type = this.OPTION2(() => this.SUBRULE(this.asType));
    return { kind: "weight", at, file, offset, hash, type };
  });

  private readonly asType: Rule<Syntax> = this.RULE("asType", (): Syntax => {
    this.CONSUME(t.As);
    return this.SUBRULE(this.sum);
  });

  private readonly value: Rule<Syntax> = this.RULE("value", (): Syntax =>
    this.OR<Syntax>([
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.dense) },
      { ALT: () => this.SUBRULE(this.weight) },
      { ALT: () => this.SUBRULE(this.graph) },
      { ALT: () => this.SUBRULE(this.sum) },
    ]),
  );

  private readonly attributes: Rule<AttributeSyntax[]> = this.RULE("attributes", (): AttributeSyntax[] => {
    const attributes: AttributeSyntax[] = [];
    this.CONSUME(t.LeftBrace);
    this.MANY_SEP({
      SEP: t.Comma,
      DEF: () => {
        const name = this.CONSUME(t.Word);
        this.CONSUME(t.Equals);
        attributes.push({ name, value: this.SUBRULE(this.value) });
      },
    });
    this.CONSUME(t.RightBrace);
    return attributes;
  });

  private readonly operand: Rule<OperandSyntax> = this.RULE("operand", (): OperandSyntax => {
    const label = this.OPTION(() => {
      const word = this.CONSUME(t.Word);
      this.CONSUME(t.Equals);
      return word;
    });
    return { label, value: this.CONSUME(t.ValueName) };
  });

  private readonly call: Rule<CallSyntax> = this.RULE("call", (): CallSyntax => {
    const operands: OperandSyntax[] = [];
    const name = this.CONSUME(t.Word);
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => operands.push(this.SUBRULE(this.operand)) });
    this.CONSUME(t.RightParen);
    const attributes = this.OPTION(() => this.SUBRULE(this.attributes)) ?? [];
    return { name, operands, attributes };
  });

  private readonly assignment: Rule<OpSyntax> = this.RULE("assignment", (): OpSyntax => {
    const results: IToken[] = [];
    const types: Syntax[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => results.push(this.CONSUME(t.ValueName)) });
    this.CONSUME(t.Equals);
    const call = this.SUBRULE(this.call);
    this.CONSUME(t.Colon);
    this.AT_LEAST_ONE_SEP2({ SEP: t.Comma, DEF: () => types.push(this.SUBRULE(this.sum)) });
    return { kind: "op", results, ...call, types };
  });

  private readonly returned: Rule<ReturnSyntax> = this.RULE("returned", (): ReturnSyntax => {
    const values: IToken[] = [];
    const at = this.CONSUME(t.Return);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => values.push(this.CONSUME(t.ValueName)) });
    return { kind: "return", at, values };
  });

  private readonly statement: Rule<StatementSyntax> = this.RULE("statement", (): StatementSyntax =>
    this.OR<StatementSyntax>([
      { ALT: () => this.SUBRULE(this.assignment) },
      { ALT: () => this.SUBRULE(this.returned) },
      { ALT: () => ({ kind: "op", results: [], types: [], ...this.SUBRULE(this.call) }) },
    ]),
  );

  /** The only graph of a text, or a region. */
  readonly graph: Rule<GraphSyntax> = this.RULE("graph", (): GraphSyntax => {
    const inputs: InputSyntax[] = [];
    const at = this.CONSUME(t.GraphWord);
    const name = this.OPTION(() => this.CONSUME(t.GraphName));
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => inputs.push(this.SUBRULE(this.formal)) });
    this.CONSUME(t.RightParen);
    const results = this.OPTION2(() => this.SUBRULE(this.resultTypes));
    const { statements, end } = this.SUBRULE(this.body);
    return { kind: "graph", at, name, inputs, results, statements, end };
  });

  private readonly formal: Rule<InputSyntax> = this.RULE("formal", (): InputSyntax => {
    const name = this.CONSUME(t.ValueName);
    this.CONSUME(t.Colon);
    return { name, type: this.SUBRULE(this.sum) };
  });

  private readonly resultTypes: Rule<Syntax[]> = this.RULE("resultTypes", (): Syntax[] => {
    this.CONSUME(t.Arrow);
    return this.SUBRULE(this.parenthesized);
  });

  private readonly body: Rule<BodySyntax> = this.RULE("body", (): BodySyntax => {
    const statements: StatementSyntax[] = [];
    this.CONSUME(t.LeftBrace);
    this.ACTION(() => {
      this.skipToStatement();
    });
    this.MANY(() => {
      const made = this.recovering();
      if (made) statements.push(made);
    });
    return { statements, end: this.end() };
  });

  /** The closing brace; where it is missing that is reported, and the last token stands in for it. */
  private end(): IToken {
    try {
      return this.CONSUME(t.RightBrace);
    } catch (error) {
      if (!(error instanceof Error) || !isRecognitionException(error)) throw error;
      return this.LA(0);
    }
  }

  /** A statement; one that does not parse is skipped. */
  private recovering(): StatementSyntax | undefined {
    const first = this.LA(1);
    let statement: StatementSyntax | undefined;
    try {
      statement = this.SUBRULE(this.statement);
    } catch (error) {
      if (!(error instanceof Error) || !isRecognitionException(error)) throw error;
      this.skipFrom(first);
    }
    this.ACTION(() => {
      this.skipToStatement();
    });
    return statement;
  }

  /** Reports what can neither start a statement nor end the body, and skips it. */
  private skipToStatement(): void {
    const found = this.LA(1);
    if (canFollow(found)) return;
    this.errors = [...this.errors, new EarlyExitException("an op, 'return' or '}'", found, this.LA(0))];
    this.skipFrom(found);
  }

  /** Goes to the first line after `first` that can start a statement of the same body or end the body. */
  private skipFrom(first: IToken): void {
    const { depth } = t.placeOf(first);
    if (this.LA(1) === first) this.SKIP_TOKEN();
    const isNext = (found: IToken): boolean => {
      const place = t.placeOf(found);
      return place.isFirst && canFollow(found) && (place.depth < depth || (place.depth === depth && found.tokenType !== t.RightBrace));
    };
    while (this.LA(1).tokenType !== EOF && !isNext(this.LA(1))) this.SKIP_TOKEN();
  }
}

const canFollow = ({ tokenType }: IToken): boolean =>
  tokenType === t.ValueName || tokenType === t.Word || tokenType === t.Return || tokenType === t.RightBrace || tokenType === EOF;

export interface SyntaxErrors {
  readonly errors: readonly IRecognitionException[];
}

let shared: SirParser | undefined;

/** What the tokens say, undefined where not even a graph can be told, and what does not parse. */
export function parseTokens(tokens: IToken[]): SyntaxErrors & { readonly graph: GraphSyntax | undefined } {
  shared ??= new SirParser();
  shared.input = tokens;
  const graph = shared.graph() as GraphSyntax | undefined;
  const { errors } = shared;
  shared.input = [];
  return { graph, errors };
}
