const flagComplete = 0x2;

/** Reads /proc/net/arp: address to "did it answer". An address that is not in the table has not been asked lately. */
export function parseArp(text: string): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const row of text.split("\n").slice(1)) {
    const [address, , flags] = row.trim().split(/\s+/);
    if (address && flags) {
      // The same address may stand there once for each interface.
      answers.set(address, answers.get(address) === true || (Number.parseInt(flags, 16) & flagComplete) !== 0);
    }
  }
  return answers;
}
