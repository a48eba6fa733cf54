import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { errors } from "../errors";
import { gather } from "../support/gather";
import { tarOf } from "../support/tar";
import type { Command } from "./command";

export const support: Command = {
  summary: "write an archive for a bug report, without secrets",
  options: [],
  words: ["-"],
  details: [
    "It writes bondbox-support-DATE.tar.gz into this folder, or with - to stdout.",
    "In it are the state of the box, what doctor finds, the history, this boot's log",
    "of bondbox, and the kernel's network settings. Run it as root to have all.",
    "",
    "No keys and no passwords are in it. Public addresses become <public-1> and so",
    "on, MAC addresses are cut to their maker's half, the server's name is taken out.",
    "It is text: look at it before you send it.",
  ],
  async run({ root, word }) {
    const now = Date.now();
    const name = `bondbox-support-${new Date(now).toISOString().slice(0, 19).replaceAll(":", "")}Z`;
    const archive = gzipSync(tarOf(name, await gather(root), now));
    if (word === "-") {
      process.stdout.write(archive);
      return 0;
    }
    const path = `${name}.tar.gz`;
    try {
      writeFileSync(path, archive, { mode: 0o600, flag: "wx" });
    } catch (error) {
      throw errors.archiveUnwritable(path, (error as NodeJS.ErrnoException).code ?? String(error));
    }
    process.stdout.write(`${path} is written. It is text: look at it before you send it.\n`);
    return 0;
  },
};
