/** Names near a mistyped one, for the help lines of diagnostics. */

/** Edits (insert, remove, replace, swap neighbours) that turn `a` into `b`: optimal string alignment. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1), swapped ? beforeLast[j - 2]! + 1 : Infinity));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}

/** The candidate that `name` is most likely meant to be; undefined when none is near. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(Math.min(name.length, 64) / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least || name.length > 64) continue;
    const d = distance(name, candidate);
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** `did you mean 'relu'?` as a diagnostic's remedy, or nothing. */
export function didYouMean(
  name: string,
  candidates: Iterable<string>,
  show: (name: string) => string = (n) => n,
): { readonly remedy?: string } {
  const found = nearest(name, candidates);
  return found === undefined ? {} : { remedy: `did you mean '${show(found)}'?` };
}
