import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Base } from "./base";
import { type Job, type JobResult, marks, serversOf } from "./job";
import { Known } from "../support/known";
import { emulate, packInitrd, qemuVersion, qemuWords } from "./qemu";

export interface MachineInput {
  base: Base;
  /** At least one; all ask for the same machine. */
  jobs: Job[];
  /** dist/<profile>/ of the profile in question; null: the network alone. */
  artefacts: string | null;
  /** test/lab */
  sources: string;
  /** The guest's program, bundled. */
  agent: string;
  /** Randomness inside: the same seed gives the same figures. */
  seed: number;
  /** Everything that the console says, here. */
  log: string;
  /** Longest virtual time, s. */
  limit: number;
  /** Take kept results where nothing has changed. */
  reuse: boolean;
  print: (text: string) => void;
}

/** The guest ended without a result. */
export class MachineError extends Error {}

export interface Ran {
  /** Of the jobs that came to their end, in their order. */
  results: JobResult[];
  /** Why those of further jobs are missing; null: none is. */
  error: MachineError | null;
  /** Seconds of the host's processor; null: the results were known. */
  cpu: number | null;
}

/** Runs jobs in one emulated machine, one after the other. */
export async function runMachine(input: MachineInput): Promise<Ran> {
  const { base, jobs, log, seed, reuse, limit, print } = input;
  const [first] = jobs as [Job];
  // Where the log is, so that it goes with the rest when the lab is stopped.
  const folder = mkdtempSync(join(dirname(log), "machine-"));
  try {
    const initrd = join(folder, "initrd");
    const parts = ["box", ...serversOf(first.network).map(([, server]) => server.artefacts), ...(first.laptop ? ["laptop"] : [])];
    const { keep } = first;
    const own = packJob({ ...input, job: jobs, keep, parts }, folder, initrd);
    const known = new Known<JobResult[]>([
      own,
      basename(dirname(base.image)),
      qemuVersion(),
      ...qemuWords({ base, seed, keep, log: "", initrd: "" }),
    ]);
    const kept = reuse && !keep ? known.read() : null;
    if (kept !== null) return { results: kept, error: null, cpu: null };
    const { cpu, failure } = await emulate({ base, seed, keep, log, initrd }, limit, (row) => {
      if (row.startsWith(marks.progress)) print(row.slice(marks.progress.length).trim());
    });
    const results = resultsIn(log);
    if (results.length < jobs.length) return { results, error: failure === null ? endedEarly(log) : new MachineError(failure), cpu };
    if (!keep) known.write(results);
    return { results, error: null, cpu };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Packing {
  base: Base;
  /** What the guest's program reads. */
  job: unknown;
  /** Folders of the artefacts that it needs. */
  parts: string[];
  artefacts: string | null;
  sources: string;
  agent: string;
  /** A shell on the second serial port at the end. */
  keep?: boolean;
}

/** Packs what the guest's program needs. @returns the SHA-256 of it */
export function packJob({ base, job, parts, artefacts, sources, agent, keep }: Packing, folder: string, initrd: string): string {
  const lab = join(folder, "tree/lab");
  mkdirSync(lab, { recursive: true });
  writeFileSync(join(lab, "job.json"), JSON.stringify(job));
  cpSync(agent, join(lab, "agent.cjs"));
  for (const script of ["start.sh", "boot.sh"]) cpSync(join(sources, "guest", script), join(lab, script));
  cpSync(join(sources, "machines"), join(lab, "machines"), { recursive: true, verbatimSymlinks: true });
  if (keep) writeFileSync(join(lab, "keep"), "");
  if (artefacts !== null) for (const part of parts) cpSync(join(artefacts, part), join(lab, part), { recursive: true });
  return packInitrd(base, folder, initrd);
}

/** The results that the console carries; each is complete where its end is marked. */
function resultsIn(log: string): JobResult[] {
  const results: JobResult[] = [];
  let packed = "";
  for (const row of readFileSync(log, "latin1").split("\n")) {
    if (row.startsWith(marks.result)) packed += row.slice(marks.result.length).trim();
    else if (row.startsWith(marks.done)) {
      results.push(JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString()) as JobResult);
      packed = "";
    }
  }
  return results;
}

function endedEarly(log: string): MachineError {
  const rows = readFileSync(log, "latin1").split("\n");
  const failure = rows.findIndex((row) => row.includes("the lab failed"));
  const said = failure < 0 ? rows.slice(-15) : rows.slice(failure, failure + 8);
  return new MachineError(`the machine ended before its work did; the last that it said:\n${said.join("\n")}`);
}
