import type { Plan } from "../plan/types";
import { bypassEntries } from "./labels";

/** Everything is laid out on these columns, left to right; rows grow with the number of lines. Pixels. */
export const width = 1200;

export const margin = 24;

export const column = {
  lan: { x: 24, width: 156 },
  box: { x: 228, width: 170 },
  modem: { x: 440, width: 192 },
  server: { x: 870, width: 170 },
  internet: { x: 1072, width: 104 },
};

export const pipe = { x: column.box.x + column.box.width, end: column.server.x, caption: 58, row: 74, foot: 10, flange: 9 };

export const modemHeight = 60;

const endHeight = 176;

export const lanHeight = 168;

/** How many are listed before "and N more", and how long a list entry may get, characters. */
export const listed = { forwards: 4, bypass: 4, bypassLength: 82 };

export interface Layout {
  height: number;
  /** Top and height of the bond's pipe. */
  top: number;
  pipeHeight: number;
  /** Box and server stand on both sides of the pipe and are at least as tall. */
  endTop: number;
  endHeight: number;
  /** Height of the wires at both sides. */
  middle: number;
  /** Top of the note with the forwards. */
  noteTop: number;
  /** Height of the line along which bypass traffic goes to the internet. */
  rail: number;
}

export function layout(plan: Plan): Layout {
  const pipeHeight = pipe.caption + plan.lines.length * pipe.row + pipe.foot;
  const ends = Math.max(endHeight, pipeHeight + 28);
  const endTop = 88;
  const noteTop = endTop + ends + 14;
  const ended = plan.forwards.length > 0 ? noteTop + noteHeight(plan) : endTop + ends;
  const rail = ended + 20;
  const bottom = plan.bypass.length > 0 ? rail + 10 + Math.min(bypassEntries(plan).length, listed.bypass + 1) * 17 : ended;
  return {
    height: bottom + margin,
    top: endTop + (ends - pipeHeight) / 2,
    pipeHeight,
    endTop,
    endHeight: ends,
    middle: endTop + ends / 2,
    noteTop,
    rail,
  };
}

export const rowMiddle = (row: number, at: Layout): number => at.top + pipe.caption + row * pipe.row + pipe.row / 2;

export const noteHeight = (plan: Plan): number => 30 + Math.min(plan.forwards.length, listed.forwards + 1) * 16;
