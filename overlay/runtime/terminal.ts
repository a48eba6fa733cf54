import type { PrintOptions } from "./print";

const widest = 80;

/** How to print on stdout. NO_COLOR: https://no-color.org */
export function terminal(): PrintOptions {
  // A serial console has 0 columns.
  const { isTTY, columns } = process.stdout;
  const colours = isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return { colours, width: Math.min(columns || widest, widest) };
}
