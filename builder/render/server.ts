import { type OverlayFile, type RenderContext, renderOverlay } from "./overlay";
import { fillIn } from "./template";
import { complete, type Entry, type FileEntry, file } from "./tree";

export interface ServerSources {
  /** overlay/common, then overlay/server/<target>. */
  overlay: OverlayFile[];
  /** overlay/install/<target>.shell.hbs */
  install: OverlayFile;
  /** OpenVPN static keys by line name. */
  keys: Map<string, string>;
}

/** The server's half: every file that is laid over its system. */
export function renderServer({ overlay, keys }: ServerSources, context: RenderContext): Entry[] {
  return complete([
    ...renderOverlay(overlay, context),
    ...context.plan.lines.map(({ name }) => file(`/etc/openvpn/${name}.key`, keys.get(name) as string)),
  ]);
}

const FILES = "# FILES\n";

/** One script that installs the server's half: the target's frame with every file in it. */
export function renderInstall({ install }: ServerSources, entries: Entry[], { plan, generated, parts }: RenderContext): string {
  const frame = fillIn({ name: install.path, text: install.text, language: "shell", parts }, plan, generated);
  const files = entries.filter((entry): entry is FileEntry => entry.kind === "file").map(putFile);
  if (!frame.includes(FILES)) throw new Error(`${install.path}: no place for the files`);
  return frame.replace(FILES, () => files.join(""));
}

/** A here-document: its end word is quoted, so nothing in it is looked at, and does not occur in it. */
function putFile({ path, mode, content }: FileEntry): string {
  const text = content.toString();
  if (!text.endsWith("\n")) throw new Error(`${path}: the last line has no end`);
  if (!/^[A-Za-z0-9/._@-]+$/.test(path)) throw new Error(`${path}: not a path for a script`);
  let end = "END";
  while (`\n${text}`.includes(`\n${end}\n`)) end += "_";
  return `put ${path} ${mode.toString(8).padStart(4, "0")} <<'${end}'\n${text}${end}\n`;
}
