import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../overlay/runtime/config";
import { judge } from "../../../overlay/runtime/judge";
import { observe } from "../../../overlay/runtime/observe";
import { ratesBetween } from "../../../overlay/runtime/rates";
import { makeReport } from "../../../overlay/runtime/report";
import { observeSetup } from "../../../overlay/runtime/setup";
import { statusFile } from "../../../overlay/runtime/status-file";
import { observeStorage } from "../../../overlay/runtime/storage";
import { observeUpdates } from "../../../overlay/runtime/updates";
import { dead, FakeBox, halfBroken } from "./fixture";

/**
 * The text of bondbox-status.txt for a box.
 * @param change what is different from a healthy, protected box
 */
function textOf(change: (box: FakeBox) => void = () => {}): string {
  using box = new FakeBox();
  box.write("run/bondbox-init", "protected: yes\n");
  change(box);
  const config = loadConfig(box.root);
  const state = observe(box.root, config);
  const report = makeReport(config, { state, verdict: judge(config, state), rates: ratesBetween(state, state) });
  return statusFile({ report, storage: observeStorage(box.root), setup: observeSetup(box.root), updates: observeUpdates(box.root) });
}

const PROTECTED = "The card is protected: nothing is written to its system, and power may be cut at any time.\n";

describe("bondbox-status.txt of a box that runs", () => {
  it("is short when all is well", () => {
    expect(textOf()).toBe(`bondbox is running: 2 of 2 lines up - the LAN uses the bond.\n\n${PROTECTED}`);
  });

  it("says how long the set-up took, and what did not work", () => {
    const text = textOf((box) => {
      box.write("var/lib/bondbox/state/times", "move 4\npackages 61\nwait 3\n");
      box.write("var/lib/bondbox/state/notes", `this kernel has no module sch_cake\n${"a long note ".repeat(12).trim()}\n`);
    });
    expect(text).toContain(
      `${PROTECTED}\nSet up in 68 s: move 4 s, packages 61 s, wait 3 s.\n\nPlease note:\n- this kernel has no module sch_cake\n- a`,
    );
    expect(text).toContain("\n  long note");
    expect(Math.max(...text.split("\n").map((row) => row.length))).toBeLessThanOrEqual(100);
  });

  it("has the reasons and steps of bondbox status", () => {
    const text = textOf(halfBroken);
    expect(text).toMatch(
      /^bondbox is running: 1 of 2 lines up - the LAN uses the bond\.\n\n! ovh: The server does not answer over this line/,
    );
    expect(text).toContain("\n  > journalctl -u bondbox-tunnel@ovh\n");
    expect(textOf(dead)).toMatch(/^bondbox is running: 0 of 2 lines up - the LAN uses line ovh directly, without the bond\.\n/);
  });

  it("says which updates wait", () => {
    const text = textOf((box) => box.write("var/lib/bondbox/keep/updates/waiting", "checked 1764580000\ncount 17\noldest 1761000000\n"));
    expect(text).toContain(`${PROTECTED}17 security updates wait, the oldest since 2025-10-20.\n`);
  });

  it("does not change while nothing happens", () => {
    expect(textOf((box) => box.device("tap0", { rx: 9_000_000, tx: 800_000 }))).toBe(textOf());
  });

  it.each<[string, (box: FakeBox) => void, string]>([
    ["a card that is not protected", (box) => box.remove("run/bondbox-init"), "The card is not protected: shut the box down before you"],
    [
      "a card that is unlocked",
      (box) => {
        box.write("run/bondbox-init", "plain: it is unlocked for maintenance\n");
        box.write("boot/firmware/bondbox/unlock", "");
      },
      "The card is not protected at this start: it is unlocked for maintenance.\nWhen you are done: sudo bondbox storage lock, then restart the box.\n",
    ],
    [
      "a damaged area",
      (box) => box.write("run/bondbox-init", "keep: The area was damaged.\nprotected: yes\n"),
      `${PROTECTED}The area was damaged.\n`,
    ],
    [
      "a card that was copied in part",
      (box) => {
        box.write("boot/firmware/bondbox/id", "0123456789abcdef\n");
        box.write("var/lib/bondbox/id", "fedcba9876543210\n");
      },
      `${PROTECTED}A changed card was copied only in part and is not applied: copy bootfs again, with\nscripts/copy-bootfs.\n`,
    ],
  ])("reports %s", (_, change, sentence) => {
    expect(textOf(change)).toContain(sentence);
  });

  it("does not take the id of this very card for a changed one", () => {
    const text = textOf((box) => {
      for (const path of ["boot/firmware/bondbox/id", "var/lib/bondbox/id"]) box.write(path, "0123456789abcdef\n");
    });
    expect(text).not.toContain("changed card");
  });
});
