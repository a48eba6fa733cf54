import { describe, expect, it } from "vitest";
import { Hang, virtualSeconds } from "../../lab/qemu";

describe("the machine's own time", () => {
  it("is read from QEMU's answer", () => {
    const row = '{"return": {"tm_year": 126, "tm_sec": 3, "tm_hour": 1, "tm_min": 18, "tm_mon": 0, "tm_mday": 2}}';
    expect(virtualSeconds(row)).toBe(86400 + 3600 + 18 * 60 + 3);
    expect(virtualSeconds('{"return": {}}')).toBeNull();
    expect(virtualSeconds('{"QMP": {"version": {}}}')).toBeNull();
  });
});

describe("a machine whose time stands still", () => {
  const looks = (count: number, look: (index: number) => Parameters<Hang["seen"]>[0]): boolean => {
    const hang = new Hang();
    return Array.from({ length: count }, (_, index) => hang.seen(look(index))).some(Boolean);
  };

  it("hangs when it sleeps for ten minutes", () => {
    expect(looks(120, () => ({ clock: 7, cpu: 3, asleep: true }))).toBe(false);
    expect(looks(121, () => ({ clock: 7, cpu: 3, asleep: true }))).toBe(true);
  });

  it("does not hang for hours in which the host gives it no processor", () => {
    expect(looks(10_000, () => ({ clock: 7, cpu: 3, asleep: false }))).toBe(false);
    expect(looks(10_000, (index) => ({ clock: 7, cpu: 3, asleep: index % 100 !== 0 }))).toBe(false);
  });

  it("hangs when much work brings it not one second further", () => {
    expect(looks(200, (index) => ({ clock: 7, cpu: index * 5, asleep: false }))).toBe(true);
    expect(looks(1000, (index) => ({ clock: Math.floor(index / 100), cpu: index * 5, asleep: false }))).toBe(false);
  });
});
