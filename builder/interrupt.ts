const cleanUps: (() => void)[] = [];

function interrupted(signal: NodeJS.Signals): void {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
  process.exit(signal === "SIGINT" ? 130 : 143);
}

/** Runs the clean-up when the process is told to stop (Ctrl-C, kill). @returns what takes it back. */
export function onInterrupt(cleanUp: () => void): () => void {
  if (cleanUps.length === 0) process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  cleanUps.push(cleanUp);
  return () => {
    const at = cleanUps.indexOf(cleanUp);
    if (at >= 0) cleanUps.splice(at, 1);
    if (cleanUps.length === 0) process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  };
}
