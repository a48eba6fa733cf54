/** Figures as people read them. */

/** Bytes as on the label of a card: MB of 10^6, GB of 10^9. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
  return bytes >= 1000 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes)} bytes`;
}

/**
 * A range of bytes in words, counted from 0.
 * @param range `end` is the first byte after it.
 */
export function span({ start, end }: { start: number; end: number }): string {
  return end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`;
}

/** Seconds as minutes and seconds. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 3600
    ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Width of text for terminals, characters; two more for the indentation. */
const WIDTH = 98;

/** Rows as columns: each as wide as its widest cell, numbers to the right, the last column broken to the width of the text. */
export function table(rows: string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))) ?? [];
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const pad = (cell: string, column: number): string => {
    if (/^\d+$/.test(cell)) return cell.padStart(widths[column] ?? 0);
    if (column < widths.length - 1) return cell.padEnd(widths[column] ?? 0);
    return breakAt(cell, WIDTH - indent).join(`\n${" ".repeat(indent)}`);
  };
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** Splits a text behind blanks and commas into lines of at most this width. */
function breakAt(text: string, width: number): string[] {
  const parts = text.match(/[^ ,]*[ ,]?/g) ?? [];
  const lines = parts.reduce<string[]>((lines, part) => {
    const last = lines.at(-1);
    if (last !== undefined && (last + part).trimEnd().length <= width) lines[lines.length - 1] = last + part;
    else lines.push(part);
    return lines;
  }, []);
  return lines.map((line) => line.trimEnd());
}

/** Breaks a text at blanks, so that it fits a terminal of 100 columns. */
export function wrap(text: string): string {
  return breakAt(text, WIDTH).join("\n");
}
