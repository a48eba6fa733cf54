import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outagesCsv, outagesIn } from "../../../overlay/runtime/outages";

const history = [
  "2026-11-23T01:00:00Z line ovh: up",
  "2026-11-23T01:00:00Z line orange: up",
  "2026-11-23T01:00:00Z LAN: 2 of 2 lines up - the LAN uses the bond",
  "2026-11-23T02:00:00Z line ovh: down, its modem 192.168.1.240 does not answer",
  "2026-11-23T02:00:30Z line ovh: down, the server does not answer over it",
  "2026-11-23T02:01:00Z line orange: down, the server does not answer over it",
  "2026-11-23T02:01:00Z LAN: 0 of 2 lines up - the LAN has no internet",
  "2026-11-23T02:03:00Z LAN: 1 of 2 lines up - the LAN uses the bond",
  "2026-11-23T02:03:00Z line ovh: up, but it loses packets down",
  "2026-11-23T02:04:00Z and 12 more changes",
].join("\n");

describe("outages", () => {
  it("are what the history says, each from its first cause to its end", () => {
    expect(outagesIn(history)).toEqual([
      { line: "ovh", start: "2026-11-23T02:00:00Z", end: "2026-11-23T02:03:00Z", cause: "its modem 192.168.1.240 does not answer" },
      { line: "orange", start: "2026-11-23T02:01:00Z", end: null, cause: "the server does not answer over it" },
      { line: null, start: "2026-11-23T02:01:00Z", end: "2026-11-23T02:03:00Z", cause: "the LAN has no internet" },
    ]);
  });

  it("are not what a person does, which ends none either", () => {
    const rows = [
      "2026-11-23T02:00:00Z line ovh: down, its modem does not answer",
      "2026-11-23T02:01:00Z line ovh: taken out by a person on the page",
      "2026-11-23T02:02:00Z line ovh: let in by a person on the page",
      "2026-11-23T02:03:00Z line ovh: up",
      "2026-11-23T02:04:00Z line ovh: taken out by a person on the page",
      "2026-11-23T02:04:01Z line ovh: down, taken out by a person",
    ];
    expect(outagesIn(rows.join("\n"))).toEqual([
      { line: "ovh", start: "2026-11-23T02:00:00Z", end: "2026-11-23T02:03:00Z", cause: "its modem does not answer" },
    ]);
  });

  it("are not what a line in reserve does", () => {
    expect(outagesIn("2026-11-23T02:00:00Z line lte: down, in reserve\n")).toEqual([]);
  });

  it("are a table for a spreadsheet, whatever their causes hold", () => {
    expect(outagesCsv(outagesIn(history)).split("\r\n")).toEqual([
      "line,start,end,seconds,cause",
      "ovh,2026-11-23T02:00:00Z,2026-11-23T02:03:00Z,180,its modem 192.168.1.240 does not answer",
      "orange,2026-11-23T02:01:00Z,,,the server does not answer over it",
      "all lines,2026-11-23T02:01:00Z,2026-11-23T02:03:00Z,120,the LAN has no internet",
      "",
    ]);
    const odd = { line: "a", start: "2026-11-23T02:00:00Z", end: null, cause: 'it says "no", again' };
    expect(outagesCsv([odd]).split("\r\n")[1]).toBe('a,2026-11-23T02:00:00Z,,,"it says ""no"", again"');
  });

  it("are never thrown by a text, whatever it holds", () => {
    fc.assert(fc.property(fc.string(), (text) => void outagesCsv(outagesIn(text))));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...history.split("\n"))), (rows) =>
        outagesIn(rows.join("\n")).every(({ end, start }) => end === null || typeof start === "string"),
      ),
    );
  });
});
