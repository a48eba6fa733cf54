import type { WrittenRate } from "./types";

const factors: Record<string, number> = { "": 1, k: 1, K: 1, M: 1000, G: 1_000_000 };

/**
 * A rate as a person writes it.
 * @param rate kbit/s, or text with a unit that the schema has accepted: "20M", "1,5 Mbit/s", "8000"
 * @returns kbit/s, a whole number
 */
export function kilobits(rate: number | string): number {
  if (typeof rate === "number") return rate;
  const [, figure = "", unit = ""] = /^([0-9.,]+) ?([kKMG]?)/.exec(rate) ?? [];
  return Math.round(Number(figure.replace(",", ".")) * (factors[unit] ?? Number.NaN));
}

const volumes: Record<string, number> = { M: 1e6, G: 1e9, T: 1e12 };

/**
 * An amount of data as a person writes it.
 * @param volume text that the schema has accepted: "50 GB", "1,5 TB"
 * @returns bytes; a provider's GB has a thousand million
 */
export function bytesOf(volume: string): number {
  const [, figure = "", unit = ""] = /^([0-9.,]+) ?([MGT])/.exec(volume) ?? [];
  return Math.round(Number(figure.replace(",", ".")) * (volumes[unit] ?? Number.NaN));
}

/**
 * What a line has at most, and at least where it changes.
 * @param rate as the schema has accepted it
 * @returns kbit/s
 */
export function rangeOf(rate: Exclude<WrittenRate, "auto">): { max: number; min?: number } {
  return typeof rate === "object" ? { min: kilobits(rate.min), max: kilobits(rate.max) } : { max: kilobits(rate) };
}
