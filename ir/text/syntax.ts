/** What the grammar makes of a `.sir` text: its parts with their tokens, before any meaning is given to them. */
import type { IToken } from "chevrotain";

export interface GraphSyntax {
  readonly kind: "graph";
  readonly at: IToken;
  readonly name: IToken | undefined;
  readonly inputs: readonly InputSyntax[];
  /** Types of the results, where written. */
  readonly results: readonly Syntax[] | undefined;
  /** In the order of the text; those that could not be read are left out. */
  readonly statements: readonly StatementSyntax[];
  /** The brace after the last statement. */
  readonly end: IToken;
}

export interface InputSyntax {
  readonly name: IToken;
  readonly type: Syntax;
}

export type StatementSyntax = OpSyntax | ReturnSyntax;

export interface OpSyntax {
  readonly kind: "op";
  readonly results: readonly IToken[];
  readonly name: IToken;
  readonly operands: readonly OperandSyntax[];
  readonly attributes: readonly AttributeSyntax[];
  readonly types: readonly Syntax[];
}

export interface OperandSyntax {
  /** Of operands given by name: `bias=%b`. */
  readonly label: IToken | undefined;
  readonly value: IToken;
}

export interface AttributeSyntax {
  readonly name: IToken;
  readonly value: Syntax;
}

export interface ReturnSyntax {
  readonly kind: "return";
  readonly at: IToken;
  readonly values: readonly IToken[];
}

/** An attribute's value or a type. Which of them it is follows from where it stands. */
export type Syntax =
  | { readonly kind: "number" | "word" | "string"; readonly at: IToken }
  /** `min(a, b)`, `f32[2, n]`, `sequence<f32[]>`. */
  | { readonly kind: "apply"; readonly at: IToken; readonly bracket: "(" | "[" | "<"; readonly items: readonly Syntax[] }
  | { readonly kind: "negative"; readonly at: IToken; readonly of: Syntax }
  /** `signs` has one less than `items`: those between them. */
  | { readonly kind: "sum"; readonly at: IToken; readonly items: readonly Syntax[]; readonly signs: readonly ("+" | "-")[] }
  | { readonly kind: "product"; readonly at: IToken; readonly items: readonly Syntax[] }
  | { readonly kind: "list"; readonly at: IToken; readonly items: readonly Syntax[] }
  | { readonly kind: "dense"; readonly at: IToken; readonly value: Syntax; readonly type: Syntax | undefined }
  | {
      readonly kind: "weight";
      readonly at: IToken;
      readonly file: IToken;
      readonly offset: IToken;
      readonly hash: IToken | undefined;
      readonly type: Syntax | undefined;
    }
  | GraphSyntax;
