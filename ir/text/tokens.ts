/** The words of a `.sir` text. */
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";

const token = (name: string, pattern: RegExp | string, label: string): TokenType => createToken({ name, pattern, label });

const space = createToken({ name: "Space", pattern: /\s+/, group: Lexer.SKIPPED, line_breaks: true });
const comment = createToken({ name: "Comment", pattern: /\/\/[^\n\r]*/, group: Lexer.SKIPPED });

export const Arrow = token("Arrow", "->", "'->'");
export const ValueName = token("ValueName", /%(?:"(?:[^"\\\n\r]|\\[^\n\r])*"|\/?[\w.$-]+(?:\/[\w.$-]+)*(?::\d+)?)/, "a value");
export const GraphName = token("GraphName", /@(?:"(?:[^"\\\n\r]|\\[^\n\r])*"|\/?[\w.$-]+(?:\/[\w.$-]+)*(?::\d+)?)/, "a name");
export const Str = token("Str", /"(?:[^"\\\n\r]|\\[^\n\r])*"/, "a string");
export const Num = token("Num", /0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/, "a number");
// What begins with these words is told from an extent or an attribute of that name by what follows.
export const GraphWord = token("GraphWord", /graph(?=\s*[@(])/, "'graph'");
export const Return = token("Return", /return(?=\s*(?:[%}]|\/\/))/, "'return'");
export const Dense = token("Dense", /dense</, "'dense<'");
export const Weight = token("Weight", /weight\(/, "'weight('");
export const As = token("As", /as(?=\s+[a-z])/, "'as'");
export const Word = token("Word", /[A-Za-z_][\w.]*/, "a name");
export const LeftParen = token("LeftParen", "(", "'('");
export const RightParen = token("RightParen", ")", "')'");
export const LeftBracket = token("LeftBracket", "[", "'['");
export const RightBracket = token("RightBracket", "]", "']'");
export const LeftBrace = token("LeftBrace", "{", "'{'");
export const RightBrace = token("RightBrace", "}", "'}'");
export const Less = token("Less", "<", "'<'");
export const Greater = token("Greater", ">", "'>'");
export const Comma = token("Comma", ",", "','");
export const Colon = token("Colon", ":", "':'");
export const Equals = token("Equals", "=", "'='");
export const Plus = token("Plus", "+", "'+'");
export const Minus = token("Minus", "-", "'-'");
export const Star = token("Star", "*", "'*'");

// Longer alternatives first: keywords only match as whole words because of what they demand after them.
export const vocabulary: TokenType[] = [
  space,
  comment,
  Arrow,
  ValueName,
  GraphName,
  Str,
  Num,
  GraphWord,
  Return,
  Dense,
  Weight,
  As,
  Word,
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
  Less,
  Greater,
  Comma,
  Colon,
  Equals,
  Plus,
  Minus,
  Star,
];

export const lexer = new Lexer(vocabulary, { positionTracking: "onlyStart", ensureOptimizations: true });

const openers: ReadonlySet<TokenType> = new Set([LeftParen, LeftBracket, LeftBrace, Less, Dense, Weight]);
const closers: ReadonlySet<TokenType> = new Set([RightParen, RightBracket, RightBrace, Greater]);

/** What error recovery knows of a token: how many region bodies are open around it, and whether its line starts with it. */
export interface Place {
  readonly depth: number;
  readonly isFirst: boolean;
}

const places = new Map<number, Place>();

/** One `Place` per depth and position, shared by all tokens. */
function sharedPlace(depth: number, isFirst: boolean): Place {
  const key = depth * 2 + (isFirst ? 1 : 0);
  const known = places.get(key);
  if (known) return known;
  const made = { depth, isFirst };
  places.set(key, made);
  return made;
}

export const placeOf = (t: IToken): Place => (t.payload as Place | undefined) ?? { depth: -1, isFirst: true };

/**
 * Notes the place of every token, and finds the first one that stands in more than `limit` brackets. Bodies are told by
 * layout: they open with a brace that ends a line and close with one that starts a line.
 */
export function placeTokens(tokens: readonly IToken[], limit: number): IToken | undefined {
  let depth = 0;
  let brackets = 0;
  let tooDeep: IToken | undefined;
  tokens.forEach((t, i) => {
    const isFirst = t.startLine !== tokens[i - 1]?.startLine;
    if (isFirst && t.tokenType === RightBrace) depth = Math.max(0, depth - 1);
    t.payload = sharedPlace(depth, isFirst);
    if (t.tokenType === LeftBrace && t.startLine !== tokens[i + 1]?.startLine) depth = Math.min(depth + 1, limit);
    if (openers.has(t.tokenType)) brackets++;
    else if (closers.has(t.tokenType)) brackets = Math.max(0, brackets - 1);
    if (brackets > limit) tooDeep ??= t;
  });
  return tooDeep;
}
