/** What scripts/test runs, as data: a part for each kind of check, with the time that it may take. */
export interface Part {
  name: string;
  /** What it shows, for `--help`. */
  about: string;
  /** Wall seconds on two otherwise idle cores with warm caches. Longer is a warning, never a failure: machines differ. */
  budget: number;
  /**
   * Parts of one lane run one after another, and lanes side by side. Tests of programs and kernels count real time, and so do the boxes of
   * the boot tests: they take turns. The lab counts virtual time.
   */
  lane: "real time" | "virtual time";
  /**
   * Runs only when nothing else wants a processor. Niceness is not enough: a test that is woken up would wait for the time slice of a
   * machine, thousands of times a second.
   */
  idle: boolean;
  work: Work;
}

export type Work =
  /** A program of node_modules/.bin that passes or fails as a whole. */
  | { kind: "tool"; program: string; args: string[] }
  /** Test files, by path, and files to leave out. */
  | { kind: "vitest"; paths: string[]; exclude: string[] }
  | { kind: "lab" | "boot"; args: string[] };

const types: Part = {
  name: "types",
  about: "tsc: every type is right",
  budget: 20,
  lane: "virtual time",
  idle: false,
  work: { kind: "tool", program: "tsc", args: ["--noEmit"] },
};

const pageTypes: Part = {
  ...types,
  name: "types of the page",
  about: "tsc: the same of what browsers run",
  work: { kind: "tool", program: "tsc", args: ["--noEmit", "-p", "overlay/page"] },
};

const style: Part = {
  name: "style",
  about: "prettier: every file is formatted",
  budget: 20,
  lane: "virtual time",
  idle: false,
  work: { kind: "tool", program: "prettier", args: ["--check", "--log-level=warn", "."] },
};

const unused: Part = {
  name: "unused",
  about: "knip: no file, export or dependency that nothing uses",
  budget: 15,
  lane: "virtual time",
  idle: false,
  work: { kind: "tool", program: "knip", args: ["--no-progress"] },
};

/** The test files below some paths; all of them for none. */
export function testsOf(paths: string[], exclude: string[] = []): Part {
  return {
    name: paths.length === 0 ? "tests" : "chosen tests",
    about: "vitest: functions, the real programs that read the built files, and Linux kernels",
    budget: 480,
    lane: "real time",
    idle: false,
    work: { kind: "vitest", paths, exclude },
  };
}

function labWith(args: string[], budget: number): Part {
  return { name: "lab", about: "both halves over emulated lines", budget, lane: "virtual time", idle: true, work: { kind: "lab", args } };
}

function bootWith(args: string[], budget: number): Part {
  return {
    name: "boot",
    about: "the card as a Raspberry Pi starts it",
    budget,
    lane: "real time",
    idle: false,
    work: { kind: "boot", args },
  };
}

const checks = [types, pageTypes, style, unused];

/** What CI runs. */
export const ciParts: Part[] = [...checks, testsOf([]), labWith(["--short"], 420), bootWith(["--short"], 420)];

/** Everything there is, too long for CI. */
export const allParts: Part[] = [...checks, testsOf([]), labWith([], 5400), bootWith([], 7200)];

/**
 * What needs neither root nor Debian packages, for the inner loop.
 * @param exclude test files that cannot run here.
 */
export function quickParts(exclude: string[]): Part[] {
  return [...checks, { ...testsOf(["test/unit"], exclude), name: "unit tests", about: "vitest: pure functions", budget: 60 }];
}

/** Unit tests that ask a real program, which --quick does not install. */
export const unitPrograms: Record<string, string[]> = {
  "test/unit/keys.test.ts": ["openssl", "openvpn", "unshare"],
  "test/unit/quote.test.ts": ["openvpn"],
};
