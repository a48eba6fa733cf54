import { colour } from "./style";
import { type Attributes, element } from "./svg";

export function card(attributes: Attributes): string {
  return element("rect", { rx: 8, fill: colour.card, stroke: colour.wire, "stroke-width": 1.5, ...attributes });
}

export function wire(from: number, to: number, y: number): string {
  return element("line", { x1: from, y1: y, x2: to, y2: y, stroke: colour.wire, "stroke-width": 5 });
}

export function padlock(x: number, y: number): string {
  return (
    element("rect", { x, y: y - 2, width: 10, height: 8, rx: 1.5, fill: "#ffffff" }) +
    element("path", {
      d: `M${x + 2} ${y - 2} v-2 a3 3 0 0 1 6 0 v2`,
      fill: "none",
      stroke: "#ffffff",
      "stroke-width": 1.6,
    })
  );
}

export function laptop(x: number, y: number): string {
  return (
    element("rect", {
      x: x + 6,
      y,
      width: 46,
      height: 32,
      rx: 3,
      fill: "#dbeafe",
      stroke: colour.wire,
      "stroke-width": 2,
    }) + element("path", { d: `M${x} ${y + 40} l5 -6 h48 l5 6 z`, fill: colour.wire })
  );
}

export function phone(x: number, y: number): string {
  return (
    element("rect", {
      x,
      y: y + 4,
      width: 20,
      height: 36,
      rx: 4,
      fill: "#dbeafe",
      stroke: colour.wire,
      "stroke-width": 2,
    }) + element("circle", { cx: x + 10, cy: y + 35, r: 1.8, fill: colour.wire })
  );
}

/** A Raspberry Pi: a board with pins, a chip and four ports. */
export function board(x: number, y: number): string {
  const ports = [8, 19, 30].map((down) =>
    element("rect", { x: x + 44, y: y + down - 4, width: 14, height: 8, rx: 1, fill: "#94a3b8", stroke: colour.soft }),
  );
  return [
    element("rect", { x, y, width: 54, height: 40, rx: 5, fill: "#bbe5c8", stroke: "#15803d", "stroke-width": 1.8 }),
    element("rect", { x: x + 6, y: y + 4, width: 30, height: 5, rx: 1, fill: "#334155" }),
    element("rect", { x: x + 14, y: y + 16, width: 15, height: 15, rx: 2, fill: "#334155" }),
    ...ports,
  ].join("");
}

export function rack(x: number, y: number): string {
  return [0, 15, 30]
    .map(
      (down) =>
        element("rect", {
          x,
          y: y + down,
          width: 44,
          height: 12,
          rx: 2.5,
          fill: "#dbeafe",
          stroke: colour.wire,
          "stroke-width": 1.8,
        }) +
        element("circle", { cx: x + 8, cy: y + down + 6, r: 2.2, fill: "#16a34a" }) +
        element("line", {
          x1: x + 20,
          y1: y + down + 6,
          x2: x + 37,
          y2: y + down + 6,
          stroke: colour.wire,
          "stroke-width": 2,
        }),
    )
    .join("");
}
