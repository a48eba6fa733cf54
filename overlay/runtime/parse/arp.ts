const flagComplete = 0x2;

/** Reads /proc/net/arp. @returns for each address whether it answered; the box has not asked the others recently. */
export function parseArp(text: string): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const row of text.split("\n").slice(1)) {
    const [address, , flags] = row.trim().split(/\s+/);
    if (address && flags) {
      // The same address may be listed once for each interface.
      answers.set(address, answers.get(address) === true || (Number.parseInt(flags, 16) & flagComplete) !== 0);
    }
  }
  return answers;
}
