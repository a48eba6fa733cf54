/** Edits (insert, delete, replace, swap) that turn a into b. */
function distance(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 0; j <= b.length; j++) (rows[0] as number[])[j] = j;
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      (rows[i] as number[])[j] = best;
    }
  }
  return at(a.length, b.length);
}

/** The candidate that was probably meant, or null. */
export function suggest(word: string, candidates: string[]): string | null {
  // One edit makes any letter of any other.
  const limit = word.length < 2 ? 0 : Math.max(1, Math.floor(word.length / 3));
  const near = candidates
    .map((candidate) => ({
      candidate,
      d: word.length > 64 ? Number.POSITIVE_INFINITY : distance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ d }) => d <= limit)
    .sort((a, b) => a.d - b.d);
  return near[0]?.candidate ?? null;
}
