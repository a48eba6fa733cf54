import { afterEach, expect, it, vi } from "vitest";
import { flashCard } from "../../../builder/command/flash-card";

const real = process.platform;
afterEach(() => {
  Object.defineProperty(process, "platform", { value: real });
  vi.restoreAllMocks();
});

it.each(["darwin", "win32"])("on %s it says what to use there", async (platform) => {
  Object.defineProperty(process, "platform", { value: platform });
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  expect(await flashCard({ root: "/nowhere", version: "1", args: ["--list"] })).toBe(2);
  expect(written.mock.calls.join("")).toMatch(/works on Linux only, and this is (darwin|win32) \[flash\.platform\]\n.*Raspberry Pi Imager/);
});
