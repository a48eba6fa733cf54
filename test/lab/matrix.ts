import type { LabSettings } from "./lab";

export async function runMatrix(_settings: LabSettings): Promise<{ passed: number; failed: number }> {
  throw new Error("not yet");
}
