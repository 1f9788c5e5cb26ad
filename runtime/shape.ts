/** Shapes in manifests: numbers, or expressions in named extents such as `2*n+1` and `floordiv(h-3,2)`. */

/** The value of `text`; undefined where an extent has none. Throws a `SyntaxError` for malformed text. */
export function evaluateDim(text: number | string, extents: ReadonlyMap<string, number>): number | undefined {
  if (typeof text === "number") return text;
  const value = new DimReader(text, extents).whole();
  return Number.isNaN(value) ? undefined : value;
}

const functions: Readonly<Record<string, (a: number, b: number) => number>> = {
  floordiv: (a, b) => (b <= 0 ? 0 : Math.floor(a / b)),
  mod: (a, b) => (b <= 0 ? 0 : a - b * Math.floor(a / b)),
  min: Math.min,
  max: Math.max,
};

/** Reads sums of products; an unknown extent is NaN, which every operation keeps. */
class DimReader {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly extents: ReadonlyMap<string, number>,
  ) {
    this.tokens = text.match(/"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|\d+|\S/g) ?? [];
  }

  whole(): number {
    const value = this.sum();
    if (this.at < this.tokens.length) this.fail();
    return value;
  }

  private fail(): never {
    throw new SyntaxError(`'${this.text}' is no size`);
  }

  private take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private sum(): number {
    let value = this.take("-") ? -this.product() : this.product();
    for (;;) {
      if (this.take("+")) value += this.product();
      else if (this.take("-")) value -= this.product();
      else return value;
    }
  }

  private product(): number {
    let value = this.factor();
    while (this.take("*")) value *= this.factor();
    return value;
  }

  private factor(): number {
    const token = this.tokens[this.at++] ?? this.fail();
    if (/^\d/.test(token)) return Number(token);
    if (token === "(") {
      const value = this.sum();
      if (!this.take(")")) this.fail();
      return value;
    }
    if (token.startsWith('"')) return this.extents.get(JSON.parse(token) as string) ?? NaN;
    if (!/^[A-Za-z_]/.test(token)) this.fail();
    return this.take("(") ? this.call(token) : (this.extents.get(token) ?? NaN);
  }

  private call(name: string): number {
    const f = functions[name] ?? this.fail();
    const a = this.sum();
    if (!this.take(",")) this.fail();
    const b = this.sum();
    if (!this.take(")")) this.fail();
    return f(a, b);
  }
}
